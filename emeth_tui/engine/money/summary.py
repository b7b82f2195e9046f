"""The summary of a run: jobs, epochs, gas, and EMT that must add up to the wei."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.money.watch import ChainView
from emeth_tui.job import Job
from emeth_tui.model import JobState, format_token
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

    def lines(self) -> list[str]:
        """Return the summary as lines for people."""
        share = self.share
        of_total = 100 * share.own_gas / share.total_gas if share.total_gas else 0.0
        change_wei = self.emt_after_wei - self.emt_before_wei
        balance = "adds up to the wei" if self.adds_up else "does NOT add up: look at the chain"
        outcomes = {state: sum(job.state is state for job in self.jobs) for state in JobState}
        others = [f"{count} {state.value}" for state, count in outcomes.items() if count and state.is_final]
        return [
            f"jobs      {', '.join(others) or 'none ended'}",
            f"epochs    {self.epochs:,}",
            f"gas       {self.gas:,}",
            f"share     {share.own_gas:,} of {share.total_gas:,} gas today, {of_total:.2f} %, "
            f"{format_token(share.own_reward_wei)} EMT so far",
            f"EMT       {format_token(self.emt_before_wei, 6)} before, "
            f"{format_token(self.emt_after_wei, 6)} after",
            f"change    {format_token(change_wei, 6)} = fees {format_token(self.fees_wei, 6)} "
            f"- verifier fees {format_token(self.verifier_fees_wei, 6)} "
            f"- penalties {format_token(self.penalties_wei, 6)} "
            f"+ rewards {format_token(self.withdrawn_wei, 6)}; {balance}",
        ]

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
