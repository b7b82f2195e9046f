"""Why there is no room on disk, or the cache cannot be used."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class CacheFull(Reason):
    room_bytes: int
    limit_bytes: int
    needed_bytes: int


class FileSystemFull(Reason):
    free_bytes: int
    needed_bytes: int
    directory: Path


class CacheUnusable(Reason):
    directory: Path
    detail: ForeignText


class NoRoomToWrite(Reason):
    path: Path


class NoRoomForDataset(Reason):
    directory: Path


class DatasetNeedsRoom(Reason):
    needed_bytes: int
    free_bytes: int
    directory: Path


class DatabaseFull(Reason):
    detail: ForeignText
