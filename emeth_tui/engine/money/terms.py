"""What the contract does with deposits and fees: its rates, and what was seen of it that no rate says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.market import RateDiffers, VerifierFeeDiffers
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, ChainJob, Rates
from emeth_tui.store import key_values
from emeth_tui.store.key_values import KeyValueTable


@dataclass
class Terms:
    """The rates in effect. Forecasts count with them; what a job came to is settled by what moved."""

    rates: Rates
    _kept: KeyValueTable

    @classmethod
    def load(cls, rates: Rates, kept: KeyValueTable) -> Terms:
        """Make the terms of a contract, with what earlier runs have seen of it."""
        keeps = bool(kept.get(key_values.KEEPS_DEPOSIT))
        return cls(replace(rates, returns_deposit=not keeps), kept)

    def note_kept_deposit(self, job_id: JobId) -> bool:
        """Record that a verified job's deposit did not come back; return whether that is news."""
        if not self.rates.returns_deposit:
            return False
        self._kept.set(key_values.KEEPS_DEPOSIT, job_id)
        self.rates = replace(self.rates, returns_deposit=False)
        return True


def cost_by_rules_wei(rates: Rates, deposit_wei: int, end: JobState) -> int:
    """Return what an end costs by the network's rules, 0 for one that costs nothing."""
    if end is JobState.FAILED:
        return rates.rejection_cost_wei(deposit_wei)
    if end is JobState.TIMEOUT:
        return rates.timeout_penalty_wei(deposit_wei)
    return rates.decline_penalty_wei(deposit_wei) if end is JobState.DECLINED else 0


def net_by_rules_wei(rates: Rates, record: ChainJob, end: JobState) -> int:
    """Return what a job comes to by the network's rules, below 0 for a cost."""
    if end is JobState.VERIFIED:
        return rates.earned_wei(record.fee_wei)
    return -cost_by_rules_wei(rates, record.deposit_wei, end)


def at_risk_wei(rates: Rates, job: Job) -> int:
    """Return what a bad end would cost: a rejection once a job is submitted, a timeout before."""
    if not job.state.holds_deposit or job.seen_end is not None:
        return 0
    worst = JobState.FAILED if job.state is JobState.SUBMITTED else JobState.TIMEOUT
    return cost_by_rules_wei(rates, job.deposit_wei, worst)


def differences_from_published(rates: Rates) -> list[RateDiffers | VerifierFeeDiffers]:
    """Return where a contract's rates differ from those that Round 3-2 published."""
    names = ("deposit_rate", "timeout_penalty_rate", "decline_penalty_rate", "failed_penalty_rate")
    pairs = ((name, getattr(rates, name), getattr(ROUND_3_2_RATES, name)) for name in names)
    differences: list[RateDiffers | VerifierFeeDiffers] = [
        RateDiffers(name, actual / 1000, published / 1000)
        for name, actual, published in pairs
        if actual != published
    ]
    if rates.verifier_fee_wei != ROUND_3_2_RATES.verifier_fee_wei:
        differences.append(VerifierFeeDiffers(rates.verifier_fee_wei, ROUND_3_2_RATES.verifier_fee_wei))
    return differences
