"""Why an endpoint's answer to a call cannot be used."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class CallRefused(Reason):
    where: str
    method: str
    said: ForeignText


class CallRefusedSilently(Reason):
    where: str
    method: str


class NotANumber(Reason):
    value: str


class NotData(Reason):
    value: str


class NoNewestBlock(Reason):
    pass


class OtherReceipt(Reason):
    pass


class LogsNotList(Reason):
    pass


class UnknownStatus(Reason):
    status: int


class NotDecodable(Reason):
    call: str
    detail: ForeignText
