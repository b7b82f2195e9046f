"""The summary of a run: jobs, epochs, gas, and EMT that must add up to the wei."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.money.watch import ChainView
from emeth_tui.job import Job
from emeth_tui.model import JobState
from emeth_tui.notices.events import node as events
from emeth_tui.protocol.contracts import SlotShare


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run achieved. `emt_before_wei` and `emt_after_wei` include locked deposits."""

    jobs: tuple[Job, ...]
    share: SlotShare
    emt_before_wei: int
    emt_after_wei: int
    fees_wei: int
    verifier_fees_wei: int
    penalties_wei: int
    withdrawn_wei: int

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
    def adds_up(self) -> bool:
        """Whether the jobs and withdrawals account for the whole change of the balance."""
        explained = self.fees_wei - self.verifier_fees_wei - self.penalties_wei + self.withdrawn_wei
        return self.emt_after_wei - self.emt_before_wei == explained

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
            fees_wei=self.fees_wei,
            verifier_fees_wei=self.verifier_fees_wei,
            penalties_wei=self.penalties_wei,
            withdrawn_wei=self.withdrawn_wei,
            adds_up=self.adds_up,
        )


class RunAccount:
    """Keeps the account of a run: the balance at its start, and every job that ended in it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._emt_before_wei = 0
        self._ended_before = 0  # how many of `_ended` had ended before the balance was read
        self._ended: list[Job] = []

    def note_ended(self, job: Job) -> None:
        """Count a job that has ended."""
        self._ended.append(job)

    def open(self, view: ChainView) -> None:
        """Start from the chain's balance now."""
        self._emt_before_wei = view.balances.emt_wei + self._context.book.locked_wei()
        self._ended_before = len(self._ended)

    def summary(self, view: ChainView, *, withdrawn_wei: int) -> Summary:
        """Return the summary, by the chain's balance now."""
        rates = self._context.rates
        accounted = self._ended[self._ended_before :]
        verified = [job for job in accounted if job.state is JobState.VERIFIED]
        failed = [job for job in accounted if job.state is JobState.FAILED]
        lost_wei = sum(job.lost_wei for job in accounted)
        return Summary(
            jobs=tuple(self._ended),
            share=view.share,
            emt_before_wei=self._emt_before_wei,
            emt_after_wei=view.balances.emt_wei + self._context.book.locked_wei(),
            fees_wei=sum(job.fee_wei for job in verified),
            verifier_fees_wei=rates.verifier_fee_wei * (len(verified) + len(failed)),
            penalties_wei=lost_wei - rates.verifier_fee_wei * len(failed),
            withdrawn_wei=withdrawn_wei,
        )
