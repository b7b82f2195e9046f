"""Why a node in another process cannot be viewed or commanded."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class NothingShownYet(Reason):
    pass


class NodeGone(Reason):
    pid: int


class NodeSilent(Reason):
    pid: int
    cause: Reason


class NodeNeverAnswered(Reason):
    pid: int
    cause: Reason


class OtherVersion(Reason):
    theirs: str
    ours: str


class NotControlJson(Reason):
    pass


class AnswerNotUnderstood(Reason):
    detail: ForeignText


class NoAnswerInTime(Reason):
    limit_s: float


class NoHelloInTime(Reason):
    limit_s: float


class NotToBeSent(Reason):
    detail: ForeignText


class RequestTooLong(Reason):
    size_bytes: int
    limit_bytes: int


class OutcomeUnknown(Reason):
    command: str
    cause: Reason


class CommandBroke(Reason):
    command: str
    detail: ForeignText


class NoDestination(Reason):
    name: str


class NoSsh(Reason):
    command: str
    detail: ForeignText


class SshFailed(Reason):
    host: str
    said: ForeignText


class NotInstalledThere(Reason):
    host: str
    said: ForeignText


class FarEndSays(Reason):
    host: str
    said: ForeignText


class FarEndLeft(Reason):
    host: str
    status: int


class TooManyClients(Reason):
    clients: int


class ConnectionLost(Reason):
    pass


class ConnectionBrokeOff(Reason):
    detail: ForeignText


class ConnectionClosed(Reason):
    pass


class NobodyListens(Reason):
    directory: Path
    detail: ForeignText
