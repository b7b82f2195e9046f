"""Why an endpoint's answer to a call cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class CallRefused(Reason):
    where: str
    method: str
    said: str


@dataclass(frozen=True, slots=True)
class CallRefusedSilently(Reason):
    where: str
    method: str


@dataclass(frozen=True, slots=True)
class NotANumber(Reason):
    value: str


@dataclass(frozen=True, slots=True)
class NotData(Reason):
    value: str


class NoNewestBlock(Reason):
    __slots__ = ()


class OtherReceipt(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LogsNotList(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class UnknownStatus(Reason):
    status: int


@dataclass(frozen=True, slots=True)
class NotDecodable(Reason):
    call: str
    detail: str
