"""Why a node in another process cannot be viewed or commanded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


class NothingShownYet(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NodeGone(Reason):
    pid: int


@dataclass(frozen=True, slots=True)
class NodeSilent(Reason):
    pid: int
    cause: Reason


@dataclass(frozen=True, slots=True)
class NodeNeverAnswered(Reason):
    pid: int
    cause: Reason


@dataclass(frozen=True, slots=True)
class OtherVersion(Reason):
    theirs: str
    ours: str


class NotControlJson(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class AnswerNotUnderstood(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class NoAnswerInTime(Reason):
    limit_s: float


@dataclass(frozen=True, slots=True)
class NoHelloInTime(Reason):
    limit_s: float


@dataclass(frozen=True, slots=True)
class NotToBeSent(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown(Reason):
    command: str
    cause: Reason


@dataclass(frozen=True, slots=True)
class CommandBroke(Reason):
    command: str
    detail: str


@dataclass(frozen=True, slots=True)
class NoDestination(Reason):
    name: str


@dataclass(frozen=True, slots=True)
class NoSsh(Reason):
    command: str
    detail: str


@dataclass(frozen=True, slots=True)
class SshFailed(Reason):
    host: str
    said: str


@dataclass(frozen=True, slots=True)
class NotInstalledThere(Reason):
    host: str
    said: str


@dataclass(frozen=True, slots=True)
class FarEndSays(Reason):
    host: str
    said: str


@dataclass(frozen=True, slots=True)
class TooManyClients(Reason):
    clients: int


class ConnectionLost(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ConnectionBrokeOff(Reason):
    detail: str


class ConnectionClosed(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NobodyListens(Reason):
    directory: Path
    detail: str
