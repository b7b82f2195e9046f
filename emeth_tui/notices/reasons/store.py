"""Why the node's database, or a copy of it, cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DatabaseUnusable(Reason):
    path: Path
    detail: str
    remedy: Reason


@dataclass(frozen=True, slots=True)
class DatabaseMissing(Reason):
    path: Path
    remedy: Reason


@dataclass(frozen=True, slots=True)
class DatabaseEmpty(Reason):
    path: Path
    remedy: Reason


@dataclass(frozen=True, slots=True)
class DatabaseForeign(Reason):
    path: Path
    remedy: Reason


@dataclass(frozen=True, slots=True)
class GoBackToACopy(Reason):
    names: str


@dataclass(frozen=True, slots=True)
class StartAfresh(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class NotCopied(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class CopyDamaged(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class NoCopies(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class NoSuchCopy(Reason):
    name: str
    names: str


@dataclass(frozen=True, slots=True)
class DatabaseFailed(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class DatabaseNewer(Reason):
    path: Path
    schema: int


@dataclass(frozen=True, slots=True)
class DatabaseOlder(Reason):
    path: Path
    schema: int


@dataclass(frozen=True, slots=True)
class NoDatabase(Reason):
    directory: Path
