"""What the contracts are, and what they charge."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason, Wei


class ContractsThere(Reason):
    core: str
    token: str


class RatesAsPublished(Reason):
    pass


class JobArithmetic(Reason):
    fee_wei: Wei
    deposit_wei: Wei
    earned_wei: Wei
    decline_wei: Wei
    timeout_wei: Wei
    rejection_wei: Wei


class NothingEarned(Reason):
    max_fee_wei: Wei
    verifier_fee_wei: Wei


class PenaltyAboveDeposit(Reason):
    name: str
    actual_percent: float


class SlotGasCapped(Reason):
    most: int
    job_gas: int


class KeepsDeposits(Reason):
    pass
