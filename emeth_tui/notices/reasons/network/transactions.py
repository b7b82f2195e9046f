"""Why a transaction could not be made, sent or confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason, Wei


@dataclass(frozen=True, slots=True)
class ContractRefuses(Reason):
    act: str
    said: str


@dataclass(frozen=True, slots=True)
class ContractRefusesSilently(Reason):
    act: str


@dataclass(frozen=True, slots=True)
class GasTooDear(Reason):
    price_gwei: float
    limit_gwei: float


@dataclass(frozen=True, slots=True)
class OverFeeLimit(Reason):
    act: str
    cost_native_wei: int
    paid_native_wei: int
    limit_native_wei: int
    symbol: str


@dataclass(frozen=True, slots=True)
class NoncesUsedElsewhere(Reason):
    act: str
    address: str


@dataclass(frozen=True, slots=True)
class TransactionRefused(Reason):
    act: str
    where: str
    said: str


@dataclass(frozen=True, slots=True)
class NotFinal(Reason):
    act: str
    tx_hash: str
    waited_s: float
    news: Reason


class InNoBlock(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class GasUnaffordable(Reason):
    act: str
    cost_native_wei: int
    symbol: str
    address: str
    balance_native_wei: int


@dataclass(frozen=True, slots=True)
class GasShort(Reason):
    act: str
    address: str
    symbol: str
    said: str


@dataclass(frozen=True, slots=True)
class JobNotOnChain(Reason):
    act: str


@dataclass(frozen=True, slots=True)
class TakenAlready(Reason):
    act: str
    status: str
    node: str


@dataclass(frozen=True, slots=True)
class FeeUnaffordable(Reason):
    fee_wei: Wei
    address: str
    balance_wei: Wei


@dataclass(frozen=True, slots=True)
class DepositUnaffordable(Reason):
    deposit_wei: Wei
    address: str
    balance_wei: Wei


class JournalDamaged(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NoRewardOfDay(Reason):
    slot: int
