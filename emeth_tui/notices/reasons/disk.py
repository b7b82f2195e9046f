"""Why there is no room on disk, or the cache cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class CacheFull(Reason):
    room_bytes: int
    limit_bytes: int
    needed_bytes: int


@dataclass(frozen=True, slots=True)
class FileSystemFull(Reason):
    free_bytes: int
    needed_bytes: int
    directory: Path


@dataclass(frozen=True, slots=True)
class CacheUnusable(Reason):
    directory: Path
    detail: str


@dataclass(frozen=True, slots=True)
class NoRoomToWrite(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class NoRoomForDataset(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class DatasetNeedsRoom(Reason):
    needed_bytes: int
    free_bytes: int
    directory: Path


@dataclass(frozen=True, slots=True)
class DatabaseFull(Reason):
    detail: str
