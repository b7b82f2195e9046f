"""What is wrong with the settings file, an option or an environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class NeedsRestart(Reason):
    key: str
    path: Path


@dataclass(frozen=True, slots=True)
class SetByThisRun(Reason):
    key: str
    origin: str
