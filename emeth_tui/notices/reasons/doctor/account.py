"""What the wallet opens, holds and does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason, Wei


@dataclass(frozen=True, slots=True)
class WalletOpens(Reason):
    address: str
    path: Path


@dataclass(frozen=True, slots=True)
class BalanceIs(Reason):
    address: str
    emt_wei: Wei
    held_native_wei: int
    symbol: str


@dataclass(frozen=True, slots=True)
class UnderWay(Reason):
    emt_wei: Wei
    held_native_wei: int
    symbol: str
    jobs: int


@dataclass(frozen=True, slots=True)
class JobsAffordable(Reason):
    jobs: int
    fee_wei: Wei


@dataclass(frozen=True, slots=True)
class OffersAffordable(Reason):
    offers: int
    affordable: int


@dataclass(frozen=True, slots=True)
class OffersTooDear(Reason):
    offers: int
    smallest_wei: Wei
    emt_wei: Wei


@dataclass(frozen=True, slots=True)
class NoOfferSuits(Reason):
    offers: int


@dataclass(frozen=True, slots=True)
class NoncesAgree(Reason):
    nonce: int


@dataclass(frozen=True, slots=True)
class ForeignPending(Reason):
    address: str
    transactions: int


@dataclass(frozen=True, slots=True)
class StateFits(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class StateNotRead(Reason):
    path: Path
    cause: Reason
