"""Why the storage cannot be used, or a dataset or result not transferred."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class StorageDown(Reason):
    cause: Reason


@dataclass(frozen=True, slots=True)
class StorageSenseless(Reason):
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class StorageRefuses(Reason):
    where: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class StorageForbids(Reason):
    where: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class DatasetTooLong(Reason):
    size: int
    limit: int


@dataclass(frozen=True, slots=True)
class DatasetRefused(Reason):
    where: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class ResultTooLong(Reason):
    size: int
    limit: int


@dataclass(frozen=True, slots=True)
class DatasetUnwritable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class DownloadGivenUp(Reason):
    failures: int
    cause: Reason


@dataclass(frozen=True, slots=True)
class UploadGivenUp(Reason):
    uploads: int
    cause: Reason


@dataclass(frozen=True, slots=True)
class ResultUnreadable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class PartRefused(Reason):
    where: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class PartWithoutEtag(Reason):
    where: str
    etag: str


@dataclass(frozen=True, slots=True)
class UrlsMissing(Reason):
    urls: int
    parts: int
