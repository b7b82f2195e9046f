"""Why a bot of the local network cannot do its work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason, Wei


@dataclass(frozen=True, slots=True)
class NotInStorage(Reason):
    what: str


@dataclass(frozen=True, slots=True)
class StorageAnswers(Reason):
    what: str
    status: int


@dataclass(frozen=True, slots=True)
class StorageSilent(Reason):
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class DownloadBroke(Reason):
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class LongerThan(Reason):
    what: str
    limit: int


@dataclass(frozen=True, slots=True)
class RequesterOutOfEmt(Reason):
    balance_wei: Wei


@dataclass(frozen=True, slots=True)
class CorpusTooShort(Reason):
    directory: Path
    least: int


@dataclass(frozen=True, slots=True)
class CorpusNotDirectory(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class CorpusEmpty(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class CorpusUnreadable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class CorpusNotUtf8(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class TaskBrokeOff(Reason):
    name: str
    task: str
    log: Path


@dataclass(frozen=True, slots=True)
class TaskTooSlow(Reason):
    name: str
    task: str
    limit_s: float


@dataclass(frozen=True, slots=True)
class EpochsNotAccepted(Reason):
    epochs: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class NotLastLink(Reason):
    epochs: int


@dataclass(frozen=True, slots=True)
class LearnedNothing(Reason):
    loss: float
    untrained_loss: float


@dataclass(frozen=True, slots=True)
class ResultEndsProcess(Reason):
    pass


@dataclass(frozen=True, slots=True)
class BreakAskedFor(Reason):
    pass
