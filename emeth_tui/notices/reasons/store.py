"""Why the node's database cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DatabaseUnusable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class DatabaseFailed(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class DatabaseNewer(Reason):
    path: Path
    schema: int
