"""What is wrong with a theme or with the screen's keys."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DarkNotBoolean(Reason):
    value: str


class ThemeTableExpected(Reason):
    section: str


class UnknownTheme(Reason):
    name: str
    known: str


class UnknownThemeKey(Reason):
    key: str


class UnknownColour(Reason):
    key: str
    known: str


class NotAColour(Reason):
    key: str
    value: str
    names: str


class NotAHexColour(Reason):
    key: str
    value: str
    names: str


class FileNotExported(Reason):
    path: Path
    problem: ForeignText
