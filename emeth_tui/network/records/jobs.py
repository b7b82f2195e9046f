"""The mirror's jobs, kept for the next start and shared between serving processes.

Each change counts a version up, and is made only by who has seen the version before it. So of two processes
that read the chain at once one is first, and the other takes over what that one wrote.

What is kept is a copy of the chain. A program whose jobs have other fields keeps one of its own beside it,
read from the chain anew: neither stumbles over what the other wrote, also where both serve at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from emeth_tui.model import Head, JobId
from emeth_tui.network.records.database import Database, Transaction
from emeth_tui.protocol.contracts import ChainJob, JobStatus

_FIRST_FORM = "3544e020"  # it is kept under the contract's name alone


def form_of(kind: Any) -> str:
    """Return a digest of a dataclass's fields and their types: what its records differ by from others."""
    named = " ".join(f"{field.name}:{field.type}" for field in fields(kind))
    return hashlib.sha256(named.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class KeptJobs:
    """What changed since a version: these jobs or, if `is_whole`, all jobs there are."""

    version: int
    head: Head
    jobs: Mapping[JobId, ChainJob]
    is_whole: bool


class JobRecords:
    """The jobs of one contract."""

    def __init__(
        self, database: Database, chain_id: int, core_address: str, *, form: str = form_of(ChainJob)
    ) -> None:
        self._database = database
        contract = f"{chain_id}/{core_address.lower()}"
        self._contract = contract if form == _FIRST_FORM else f"{contract}/{form}"

    async def since(self, version: int) -> KeptJobs | None:
        """Return what changed since a version; None when nothing did. Raise ServiceError."""

        def work(transaction: Transaction) -> KeptJobs | None:
            state = transaction.row(
                """SELECT version, whole_version, block_number, block_hash, block_unix_s
                FROM mirror WHERE contract = :contract""",
                {"contract": self._contract},
            )
            if state is None or state[0] == version:
                return None
            is_whole = not state[1] <= version <= state[0]
            rows = transaction.rows(
                "SELECT record FROM jobs WHERE contract = :contract AND version > :version ORDER BY place",
                {"contract": self._contract, "version": -1 if is_whole else version},
            )
            jobs = {job.job_id: job for job in (_read(row[0]) for row in rows)}
            return KeptJobs(state[0], Head(state[2], state[3], state[4]), jobs, is_whole)

        return await self._database.run(work)

    async def advance(
        self, version: int, head: Head, jobs: Mapping[JobId, ChainJob], *, is_whole: bool
    ) -> int | None:
        """Keep changes that follow a version; return the new one, or None when another came first.

        `jobs` are those that changed, new ones in the chain's order; with `is_whole` they replace all that
        was kept. Raise ServiceError.
        """
        values = {
            "contract": self._contract,
            "before": version,
            "version": version + 1,
            "whole": version + 1 if is_whole else -1,
            "number": head.number,
            "hash": head.hash,
            "time": head.timestamp_unix_s,
        }
        records = [(job.job_id, json.dumps(asdict(job))) for job in jobs.values()]

        def work(transaction: Transaction) -> int | None:
            if not transaction.change(_ADVANCE if version else _BEGIN, values):
                return None
            if is_whole:
                transaction.change("DELETE FROM jobs WHERE contract = :contract", values)
            last = transaction.row("SELECT MAX(place) FROM jobs WHERE contract = :contract", values)
            first = last[0] + 1 if last and last[0] is not None else 0
            common = {"contract": self._contract, "version": version + 1}
            transaction.change_each(
                _KEEP,
                [
                    {**common, "job": job_id, "record": record, "place": first + index}
                    for index, (job_id, record) in enumerate(records)
                ],
            )
            return version + 1

        return await self._database.run(work)


_BEGIN = """INSERT INTO mirror (contract, version, whole_version, block_number, block_hash, block_unix_s)
    VALUES (:contract, :version, :version, :number, :hash, :time) ON CONFLICT (contract) DO NOTHING"""
_ADVANCE = """UPDATE mirror SET version = :version, block_number = :number, block_hash = :hash,
    block_unix_s = :time, whole_version = CASE WHEN :whole > 0 THEN :whole ELSE whole_version END
    WHERE contract = :contract AND version = :before"""
_KEEP = """INSERT INTO jobs (contract, job_id, place, version, record)
    VALUES (:contract, :job, :place, :version, :record)
    ON CONFLICT (contract, job_id) DO UPDATE SET version = :version, record = :record"""


def _read(record: str) -> ChainJob:
    values = json.loads(record)
    return ChainJob(**{**values, "status": JobStatus(values["status"])})
