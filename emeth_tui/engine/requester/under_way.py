"""Which of the requests that were signed are worth sending: those that a program makes now, and no others.

A request commits money. One that a run left behind goes out by the same words again, and by nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from emeth_tui.model import JobId, JournaledTransaction
from emeth_tui.store.requests import RequestTable


class Aim(Protocol):
    """What is worth sending of what was signed."""

    def begin(self, job_id: JobId) -> None:
        """A job is being requested from now on."""

    def end(self, job_id: JobId) -> None:
        """A job is not requested any more."""

    def has(self, job_id: JobId) -> bool:
        """Whether a job is being requested."""

    def wants(self, tx: JournaledTransaction) -> bool:
        """Whether a transaction that the chain does not know is worth sending again."""


@dataclass(slots=True)
class OneRequest:
    """The aim of a program that does nothing else: one job, None for none.

    The journal may hold what a run for another job left, and what a node did that crashed on this state. What
    commits no money goes out. A claim does not: nobody would train it.
    """

    job_id: JobId | None = None

    def begin(self, job_id: JobId) -> None:
        self.job_id = job_id

    def end(self, job_id: JobId) -> None:
        self.job_id = None

    def has(self, job_id: JobId) -> bool:
        return job_id == self.job_id

    def wants(self, tx: JournaledTransaction) -> bool:
        if tx.purpose in {"approve", "request"}:
            return tx.job_id == self.job_id
        return tx.purpose != "process"


@dataclass(slots=True)
class RequestsUnderWay:
    """The aim of a node, as far as requests go: what it requests now, and what it requested and was final.

    The second goes out again where a reorganisation undid it.
    """

    table: RequestTable
    job_ids: set[JobId] = field(default_factory=set)

    def begin(self, job_id: JobId) -> None:
        self.job_ids.add(job_id)

    def end(self, job_id: JobId) -> None:
        self.job_ids.discard(job_id)

    def has(self, job_id: JobId) -> bool:
        return job_id in self.job_ids

    def wants(self, tx: JournaledTransaction) -> bool:
        if tx.purpose not in {"approve", "request"} or tx.job_id is None or tx.job_id in self.job_ids:
            return True
        known = self.table.get(tx.job_id)
        if known is None:
            return tx.purpose == "approve"  # of a claim
        return known.requested_at_unix_s is not None
