"""The summary of a run: jobs, epochs, gas, and EMT explained to the wei by what moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from emeth_tui.engine.context import Context
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.watch import ChainView
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events import node as events
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.store.movements import Movement, MovementKind


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run achieved. `emt_before_wei` and `emt_after_wei` include locked deposits.

    `earned_wei` and `lost_wei` are what the jobs that ended came to. `others_wei` is what no work of ours
    moved, by transaction; `requested_wei` is what the account's own requests moved, below 0 for fees;
    `unexplained_wei` is what no movement shows.
    """

    jobs: tuple[Job, ...]
    share: SlotShare
    emt_before_wei: int
    emt_after_wei: int
    earned_wei: int
    lost_wei: int
    withdrawn_wei: int
    others_wei: Mapping[str, int] = field(default_factory=dict)
    requested_wei: int = 0

    @property
    def verified(self) -> int:
        return sum(job.state is JobState.VERIFIED for job in self.jobs)

    @property
    def epochs(self) -> int:
        return sum(job.epochs_done for job in self.jobs)

    @property
    def gas(self) -> int:
        return sum(job.gas for job in self.jobs)

    @property
    def unexplained_wei(self) -> int:
        others_wei = self.requested_wei + sum(self.others_wei.values())
        explained_wei = self.earned_wei - self.lost_wei + self.withdrawn_wei + others_wei
        return self.emt_after_wei - self.emt_before_wei - explained_wei

    @property
    def adds_up(self) -> bool:
        """Whether the movements account for the whole change of the balance."""
        return self.unexplained_wei == 0

    def as_event(self) -> events.Summary:
        """Return the summary as an event."""
        return events.Summary(
            verified=self.verified,
            jobs={job.job_id: job.state for job in self.jobs},
            epochs=self.epochs,
            gas=self.gas,
            slot=self.share.slot,
            slot_own_gas=self.share.own_gas,
            slot_total_gas=self.share.total_gas,
            slot_reward_wei=self.share.own_reward_wei,
            emt_before_wei=self.emt_before_wei,
            emt_after_wei=self.emt_after_wei,
            earned_wei=self.earned_wei,
            lost_wei=self.lost_wei,
            withdrawn_wei=self.withdrawn_wei,
            others=dict(self.others_wei),
            unexplained_wei=self.unexplained_wei,
            adds_up=self.adds_up,
            requested_wei=self.requested_wei,
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """The account's EMT in hand at a block, in wei."""

    block: int
    free_wei: int

    def emt_wei(self, movements: Sequence[Movement]) -> int:
        """Return what it held then, deposits included, by all that moved."""
        return self.free_wei + _locked_wei([m for m in movements if m.block_number <= self.block])


class RunAccount:
    """Keeps the account of a run: what the account held at its start, and every job that ended in it."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._before: _Moment | None = None
        self._ended: list[Job] = []

    def note_ended(self, job: Job) -> None:
        """Count a job that has ended."""
        self._ended.append(job)

    def open(self, view: ChainView) -> None:
        """Start from the chain now."""
        self._before = _Moment(view.head.number, view.balances.emt_wei)

    async def unread(self, view: ChainView) -> Sequence[Movement]:
        """Read what moved in blocks that are not booked yet. Raise NetworkError."""
        return (await self._ledger.scan((self._ledger.block or 0) + 1, view.head.number)).movements

    def summary(self, view: ChainView, unread: Sequence[Movement]) -> Summary:
        """Return the summary, by the chain as `view` shows it, final or not."""
        before = self._before
        assert before is not None  # noqa: S101 - a run begins with opening it
        # A stop may come between the booking of a block and the mark that it is read: then both have it.
        booked = self._context.store.movements.after(-1)
        known = {(movement.tx_hash, movement.log_index): movement for movement in (*booked, *unread)}
        movements = [movement for movement in known.values() if movement.block_number <= view.head.number]
        after = _Moment(view.head.number, view.balances.emt_wei)
        new = [movement for movement in movements if movement.block_number > before.block]
        outcomes = _outcomes(movements, {m.job_id for m in new if m.kind.ends_job})
        return Summary(
            jobs=tuple(self._ended),
            share=view.share,
            emt_before_wei=before.emt_wei(movements),
            emt_after_wei=after.emt_wei(movements),
            earned_wei=sum(wei for wei in outcomes if wei > 0),
            lost_wei=-sum(wei for wei in outcomes if wei < 0),
            withdrawn_wei=sum(m.amount_wei for m in new if m.kind is MovementKind.WITHDRAW),
            requested_wei=sum(m.amount_wei for m in new if m.kind is MovementKind.REQUEST),
            others_wei=_by_transaction(m for m in new if m.kind is MovementKind.OTHER),
        )


def _by_transaction(movements: Iterable[Movement]) -> dict[str, int]:
    by_tx: dict[str, int] = {}
    for movement in movements:
        by_tx[movement.tx_hash] = by_tx.get(movement.tx_hash, 0) + movement.amount_wei
    return by_tx


def _locked_wei(movements: Sequence[Movement]) -> int:
    """Return the deposits of the jobs that were claimed and have not ended."""
    ended = {movement.job_id for movement in movements if movement.kind.ends_job}
    return -sum(
        movement.amount_wei
        for movement in movements
        if movement.kind is MovementKind.CLAIM and movement.job_id not in ended
    )


def _outcomes(movements: Iterable[Movement], jobs: set[JobId | None]) -> list[int]:
    """Return what each of these jobs came to in all, in wei."""
    by_job = dict.fromkeys(jobs, 0)
    for movement in movements:
        if movement.job_id in by_job:
            by_job[movement.job_id] += movement.amount_wei
    return list(by_job.values())
