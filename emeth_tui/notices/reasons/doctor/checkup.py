"""What became of a check itself."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class CheckBroke(Reason):
    error: str
    place: str


@dataclass(frozen=True, slots=True)
class CheckHung(Reason):
    limit_s: float


@dataclass(frozen=True, slots=True)
class NotChecked(Reason):
    cause: Reason


class LeftOut(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NoEndpointServes(Reason):
    chain_id: int


class NoAddress(Reason):
    __slots__ = ()


class NoNetwork(Reason):
    __slots__ = ()


class NoPassword(Reason):
    __slots__ = ()
