"""Why a file cannot be read or written."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason


class Unreadable(Reason):
    path: Path
    detail: str


class Unwritable(Reason):
    path: Path
    detail: str


class NotUtf8(Reason):
    path: Path
