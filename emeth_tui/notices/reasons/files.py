"""Why a file cannot be read or written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class Unreadable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class Unwritable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class NotUtf8(Reason):
    path: Path
