"""Why a transaction could not be made, sent or confirmed."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason, Wei


class ContractRefuses(Reason):
    act: str
    said: ForeignText | Reason


class ContractRefusesSilently(Reason):
    act: str


class ReturnedFalse(Reason):
    pass


class AnotherCameFirst(Reason):
    pass


class GasTooDear(Reason):
    price_gwei: float
    limit_gwei: float


class OverFeeLimit(Reason):
    act: str
    cost_native_wei: int
    paid_native_wei: int
    limit_native_wei: int
    symbol: str


class NoncesUsedElsewhere(Reason):
    act: str
    address: str


class TransactionRefused(Reason):
    act: str
    where: str
    said: ForeignText


class NotFinal(Reason):
    act: str
    tx_hash: str
    waited_s: float
    news: Reason


class InNoBlock(Reason):
    pass


class GasUnaffordable(Reason):
    act: str
    cost_native_wei: int
    symbol: str
    address: str
    balance_native_wei: int


class GasShort(Reason):
    act: str
    address: str
    symbol: str
    said: ForeignText


class JobNotOnChain(Reason):
    act: str


class TakenAlready(Reason):
    act: str
    status: str
    node: str


class FundsTooSmall(Reason):
    address: str
    emt_wei: Wei
    balance_native_wei: int
    symbol: str


class DeploymentUnaffordable(Reason):
    cost_native_wei: int
    address: str
    balance_native_wei: int
    symbol: str


class FeeUnaffordable(Reason):
    fee_wei: Wei
    address: str
    balance_wei: Wei


class DepositUnaffordable(Reason):
    deposit_wei: Wei
    address: str
    balance_wei: Wei


class JournalDamaged(Reason):
    pass


class NoRewardOfDay(Reason):
    slot: int
