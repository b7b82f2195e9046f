"""Why the node's database, or a copy of it, cannot be used."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DatabaseUnusable(Reason):
    path: Path
    detail: ForeignText | Reason
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
    detail: ForeignText | Reason


class CopyDamaged(Reason):
    path: Path
    detail: ForeignText | Reason


class RowWithoutParent(Reason):
    table: str
    parent: str


class NothingInIt(Reason):
    pass


class NotANodes(Reason):
    pass


class Overwritten(Reason):
    pass


class SenselessValue(Reason):
    detail: ForeignText


class Malformed(Reason):
    """SQLite said more, and Python could not read it."""


class NoCopies(Reason):
    directory: Path


class NoSuchCopy(Reason):
    name: str
    names: str


class DatabaseFailed(Reason):
    detail: ForeignText | Reason


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
