"""What is wrong with a theme or with the screen's keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DarkNotBoolean(Reason):
    value: str


@dataclass(frozen=True, slots=True)
class ThemeTableExpected(Reason):
    section: str


@dataclass(frozen=True, slots=True)
class UnknownTheme(Reason):
    name: str
    known: str


@dataclass(frozen=True, slots=True)
class UnknownThemeKey(Reason):
    key: str


@dataclass(frozen=True, slots=True)
class UnknownColour(Reason):
    key: str
    known: str


@dataclass(frozen=True, slots=True)
class NotAColour(Reason):
    key: str
    value: str
    names: str


@dataclass(frozen=True, slots=True)
class NotAHexColour(Reason):
    key: str
    value: str
    names: str


@dataclass(frozen=True, slots=True)
class FileNotExported(Reason):
    path: Path
    problem: str
