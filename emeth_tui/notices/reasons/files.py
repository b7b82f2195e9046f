"""Why a file cannot be read or written."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class Unreadable(Reason):
    path: Path
    detail: ForeignText


class Unwritable(Reason):
    path: Path
    detail: ForeignText


class NotARegularFile(Reason):
    pass


class FileMissing(Reason):
    path: Path


class NotPlainFile(Reason):
    path: Path


class NotUtf8(Reason):
    path: Path
