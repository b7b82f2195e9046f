"""Why a node in another process cannot be viewed or commanded."""

from __future__ import annotations

from pathlib import Path

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
    detail: str


class NoAnswerInTime(Reason):
    limit_s: float


class NoHelloInTime(Reason):
    limit_s: float


class NotToBeSent(Reason):
    detail: str


class OutcomeUnknown(Reason):
    command: str
    cause: Reason


class CommandBroke(Reason):
    command: str
    detail: str


class NoDestination(Reason):
    name: str


class NoSsh(Reason):
    command: str
    detail: str


class SshFailed(Reason):
    host: str
    said: str


class NotInstalledThere(Reason):
    host: str
    said: str


class FarEndSays(Reason):
    host: str
    said: str


class TooManyClients(Reason):
    clients: int


class ConnectionLost(Reason):
    pass


class ConnectionBrokeOff(Reason):
    detail: str


class ConnectionClosed(Reason):
    pass


class NobodyListens(Reason):
    directory: Path
    detail: str
