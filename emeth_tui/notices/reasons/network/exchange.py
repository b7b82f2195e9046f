"""Why a request over HTTP got no usable answer."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class AnswerTooSlow(Reason):
    where: str
    limit_s: float


@dataclass(frozen=True, slots=True)
class AnswerTimedOut(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class ConnectionFailed(Reason):
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class ServerBusy(Reason):
    where: str
    status: int


@dataclass(frozen=True, slots=True)
class AnswerTooLong(Reason):
    where: str
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class AnswerCompressed(Reason):
    where: str
    encoding: str


@dataclass(frozen=True, slots=True)
class NoChainId(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class NotJsonRpc(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class UnexpectedStatus(Reason):
    where: str
    status: int


@dataclass(frozen=True, slots=True)
class TransferBrokeOff(Reason):
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class TransferIncomplete(Reason):
    where: str
    received_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TransferStalled(Reason):
    moved_bytes: int
    window_s: float


@dataclass(frozen=True, slots=True)
class TransferTooLong(Reason):
    limit_s: float


@dataclass(frozen=True, slots=True)
class InvalidUrl(Reason):
    url: str


@dataclass(frozen=True, slots=True)
class UrlNamesUser(Reason):
    url: str


@dataclass(frozen=True, slots=True)
class AddressNotPublic(Reason):
    host: str
    address: str


@dataclass(frozen=True, slots=True)
class RedirectElsewhere(Reason):
    where: str
    target: str


@dataclass(frozen=True, slots=True)
class TooManyRedirects(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class PageInstead(Reason):
    where: str
    content_type: str


@dataclass(frozen=True, slots=True)
class OtherLength(Reason):
    where: str
    expected: int
    sent: int


@dataclass(frozen=True, slots=True)
class LongerThanAnnounced(Reason):
    where: str
    announced: int


@dataclass(frozen=True, slots=True)
class FreshUrlRefused(Reason):
    where: str
    status: int


@dataclass(frozen=True, slots=True)
class NothingBeyond(Reason):
    where: str


class RangeNotNamed(Reason):
    __slots__ = ()


class OtherRange(Reason):
    __slots__ = ()


class FileShortened(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RpcBusy(Reason):
    where: str
