"""Why a request over HTTP got no usable answer."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class AnswerTooSlow(Reason):
    where: str
    limit_s: float


class AnswerTimedOut(Reason):
    where: str


class TimedOut(Reason):
    pass


class NoReasonGiven(Reason):
    pass


class ConnectionFailed(Reason):
    where: str
    detail: ForeignText


class ServerBusy(Reason):
    where: str
    status: int


class AnswerTooLong(Reason):
    where: str
    limit_bytes: int


class AnswerCompressed(Reason):
    where: str
    encoding: str


class NoChainId(Reason):
    where: str


class NotJsonRpc(Reason):
    where: str


class UnexpectedStatus(Reason):
    where: str
    status: int


class TransferBrokeOff(Reason):
    where: str
    detail: ForeignText | Reason


class TransferIncomplete(Reason):
    where: str
    received_bytes: int
    size_bytes: int


class TransferStalled(Reason):
    moved_bytes: int
    window_s: float


class TransferTooLong(Reason):
    limit_s: float


class InvalidUrl(Reason):
    url: str


class UrlNamesUser(Reason):
    url: str


class AddressNotPublic(Reason):
    host: str
    address: str


class RedirectElsewhere(Reason):
    where: str
    target: str


class TooManyRedirects(Reason):
    where: str


class PageInstead(Reason):
    where: str
    content_type: str


class OtherLength(Reason):
    where: str
    expected: int
    sent: int


class LongerThanAnnounced(Reason):
    where: str
    announced: int


class FreshUrlRefused(Reason):
    where: str
    status: int


class NothingBeyond(Reason):
    where: str


class RangeNotNamed(Reason):
    pass


class OtherRange(Reason):
    pass


class FileShortened(Reason):
    pass


class RpcBusy(Reason):
    where: str
