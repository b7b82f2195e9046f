"""What the contracts are, and what they charge."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason, Wei


@dataclass(frozen=True, slots=True)
class ContractsThere(Reason):
    core: str
    token: str


class RatesAsPublished(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JobArithmetic(Reason):
    fee_wei: Wei
    deposit_wei: Wei
    earned_wei: Wei
    decline_wei: Wei
    timeout_wei: Wei
    rejection_wei: Wei


@dataclass(frozen=True, slots=True)
class NothingEarned(Reason):
    max_fee_wei: Wei
    verifier_fee_wei: Wei


@dataclass(frozen=True, slots=True)
class PenaltyAboveDeposit(Reason):
    name: str
    actual_percent: float


@dataclass(frozen=True, slots=True)
class SlotGasCapped(Reason):
    most: int
    job_gas: int


class KeepsDeposits(Reason):
    __slots__ = ()
