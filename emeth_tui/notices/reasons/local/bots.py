"""Why a bot of the local network cannot do its work."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason, Wei


class CallForJob(Reason):
    job: str
    path: str


class DatasetOfJob(Reason):
    job: str


class ResultOfJob(Reason):
    job: str


class StateOfJob(Reason):
    job: str
    epoch: int


class NotInStorage(Reason):
    what: str | Reason


class StorageAnswers(Reason):
    what: str | Reason
    status: int


class StorageSilent(Reason):
    what: str | Reason
    detail: ForeignText


class DownloadBroke(Reason):
    what: str | Reason
    detail: ForeignText


class LongerThan(Reason):
    what: str | Reason
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
