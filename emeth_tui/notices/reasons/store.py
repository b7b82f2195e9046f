"""Why the node's database, or a copy of it, cannot be used."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DatabaseUnusable(Reason):
    path: Path
    detail: ForeignText
    remedy: Reason


class DatabaseMissing(Reason):
    path: Path
    remedy: Reason


class DatabaseEmpty(Reason):
    path: Path
    remedy: Reason


class DatabaseForeign(Reason):
    path: Path
    remedy: Reason


class GoBackToACopy(Reason):
    names: str


class StartAfresh(Reason):
    directory: Path


class NotCopied(Reason):
    path: Path
    detail: ForeignText


class CopyDamaged(Reason):
    path: Path
    detail: ForeignText


class NoCopies(Reason):
    directory: Path


class NoSuchCopy(Reason):
    name: str
    names: str


class DatabaseFailed(Reason):
    detail: ForeignText


class DatabaseNewer(Reason):
    path: Path
    schema: int
    version: str
    remedy: Reason


class InstallItAgain(Reason):
    pass


class InstallItAgainOrGoBack(Reason):
    name: str


class DatabaseOlder(Reason):
    path: Path
    schema: int


class NoDatabase(Reason):
    directory: Path
