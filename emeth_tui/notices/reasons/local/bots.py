"""Why a bot of the local network cannot do its work."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason, Wei


class NotInStorage(Reason):
    what: str


class StorageAnswers(Reason):
    what: str
    status: int


class StorageSilent(Reason):
    what: str
    detail: ForeignText


class DownloadBroke(Reason):
    what: str
    detail: ForeignText


class LongerThan(Reason):
    what: str
    limit: int


class RequesterOutOfEmt(Reason):
    balance_wei: Wei


class CorpusTooShort(Reason):
    directory: Path
    least: int


class CorpusNotDirectory(Reason):
    directory: Path


class CorpusEmpty(Reason):
    directory: Path


class CorpusUnreadable(Reason):
    path: Path
    detail: ForeignText


class CorpusNotUtf8(Reason):
    path: Path


class TaskBrokeOff(Reason):
    name: str
    task: str
    log: Path


class TaskTooSlow(Reason):
    name: str
    task: str
    limit_s: float


class BreakAskedFor(Reason):
    pass
