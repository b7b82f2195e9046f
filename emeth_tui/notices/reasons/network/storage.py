"""Why the storage cannot be used, or a dataset or result not transferred."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class StorageDown(Reason):
    cause: Reason


class StorageSenseless(Reason):
    where: str
    detail: ForeignText | Reason


class NotAPlainFileName(Reason):
    pass


class StorageRefuses(Reason):
    where: str
    status: int
    said: ForeignText | Reason


class StorageForbids(Reason):
    where: str
    status: int
    said: ForeignText | Reason


class DatasetTooLong(Reason):
    size: int
    limit: int


class DatasetRefused(Reason):
    where: str
    status: int
    said: ForeignText | Reason


class ResultTooLong(Reason):
    size: int
    limit: int


class DatasetUnwritable(Reason):
    path: Path
    detail: ForeignText


class DownloadGivenUp(Reason):
    failures: int
    cause: Reason


class UploadGivenUp(Reason):
    uploads: int
    cause: Reason


class ResultUnreadable(Reason):
    path: Path
    detail: ForeignText


class PartRefused(Reason):
    where: str
    status: int
    said: ForeignText | Reason


class PartWithoutEtag(Reason):
    where: str
    etag: str


class UrlsMissing(Reason):
    urls: int
    parts: int
