"""What there is of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class SettingsRead(Reason):
    path: Path
    network: str


@dataclass(frozen=True, slots=True)
class SettingsMissing(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class FilePrivate(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class FileOpenToOthers(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class KeyThere(Reason):
    network: str
