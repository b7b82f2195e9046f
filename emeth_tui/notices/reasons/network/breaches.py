"""What a worker, a host or its link sent that none of ours would: it may have been taken over."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason

# -- messages of any kind


class MessageTooLong(Reason):
    limit_bytes: int


class MessageOutOfOrder(Reason):
    number: int
    missing: int


class MessageUnreadable(Reason):
    message: ForeignText  # its kind or its first bytes
    detail: ForeignText


class UnknownMessage(Reason):
    name: ForeignText


class UnknownField(Reason):
    message: str
    name: ForeignText


class SentInPlaceOf(Reason):
    sent: str
    expected: str


class SecondHello(Reason):
    pass


# -- a worker's


class LeftUnread(Reason):
    size_bytes: int


class NobodyWaitsFor(Reason):
    messages: int


class MoreEpochsThanAsked(Reason):
    epochs: int


class ResultTooEarly(Reason):
    pass


class PartWithoutResult(Reason):
    pass


class ResultOfPart(Reason):
    pass


# -- a host's, over TLS


class NotOneFrame(Reason):
    pass


class NoGreeting(Reason):
    pass


class TooManyConnections(Reason):
    connections: int


class OtherCertificate(Reason):
    name: ForeignText


class CertificateReplaced(Reason):
    pass


class OtherHostName(Reason):
    name: ForeignText


class UnknownOperation(Reason):
    name: ForeignText


class NoRelaysAnswer(Reason):
    pass


# -- files in pieces, both ways


class WrongOffset(Reason):
    offset: int
    expected: int


class WrongLength(Reason):
    length: int
    expected: int


class WrongContent(Reason):
    pass


class FileShrank(Reason):
    pass


class TooManyFiles(Reason):
    files: int


class EmptyOrArriving(Reason):
    pass
