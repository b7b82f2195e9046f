"""Orders for jobs, and answers about them and their results: plain data, which also goes over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emeth_tui.engine.requester.terms import Terms, Wish
from emeth_tui.errors import CommandRefused, EmethError, InsufficientFunds, RequestedAlready
from emeth_tui.model import JobId, Language
from emeth_tui.notices.reasons.network.requesting import NodesRefuse, RequestedBefore
from emeth_tui.notices.reasons.network.transactions import FeeUnaffordable
from emeth_tui.training.data.measuring import Measured


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to have trained, and on which terms.

    `anyway` also asks for what nodes with the usual settings would not take, `again` for what was requested
    on the same terms before. `job_id` names the request that an estimate said this goes on with: then it is
    that job or none, for nothing else was agreed to.
    """

    path: Path
    language: Language
    epochs: int
    fee_wei: int
    lifetime_s: int
    private: bool = False
    anyway: bool = False
    again: bool = False
    job_id: JobId | None = None


@dataclass(frozen=True, slots=True)
class RequestedJob:
    """A job that was requested, and when that began."""

    job_id: JobId
    at_unix_s: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an order comes to. `job_id` is that of an earlier run which began it and broke off.

    `is_requested` says that the chain has that job: nothing is left to pay. `before` is a job that was
    requested on the same terms before, and has not ended without a result: this would be another.
    """

    measured: Measured
    wish: Wish
    terms: Terms
    model: str
    address: str
    balance_wei: int
    now_unix_s: float
    job_id: JobId | None = None
    is_requested: bool = False
    before: RequestedJob | None = None

    def refusal(self, *, anyway: bool, again: bool) -> EmethError | None:
        """Return why the job is not requested, None when it may be."""
        terms, fee_wei = self.terms, self.wish.fee_wei
        if self.is_requested:
            return None
        if self.before is not None and not again:
            return RequestedAlready(RequestedBefore(self.before.job_id, self.before.at_unix_s))
        if terms.refusal is not None and (terms.impossible or not anyway):
            return CommandRefused(terms.refusal if terms.impossible else NodesRefuse(terms.refusal))
        if self.balance_wei < fee_wei:
            return InsufficientFunds(FeeUnaffordable(fee_wei, self.address, self.balance_wei))
        return None


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """A result that was checked and written as a model; `figures` are those of `training.results.tasks`.

    `hash_checked` says whether the verification key was there to check its hash chain with.
    """

    job_id: JobId
    directory: Path
    hash_checked: bool
    result_bytes: int
    figures: Mapping[str, Any]
