"""What the wallet opens, holds and does."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason, Wei


class WalletOpens(Reason):
    address: str
    path: Path


class BalanceIs(Reason):
    address: str
    emt_wei: Wei
    held_native_wei: int
    symbol: str


class UnderWay(Reason):
    emt_wei: Wei
    held_native_wei: int
    symbol: str
    jobs: int


class JobsAffordable(Reason):
    jobs: int
    fee_wei: Wei


class OffersAffordable(Reason):
    offers: int
    affordable: int


class OffersTooDear(Reason):
    offers: int
    smallest_wei: Wei
    emt_wei: Wei


class NoOfferSuits(Reason):
    offers: int


class NoncesAgree(Reason):
    nonce: int


class ForeignPending(Reason):
    address: str
    transactions: int


class StateFits(Reason):
    directory: Path


class StateNotRead(Reason):
    path: Path
    cause: Reason
