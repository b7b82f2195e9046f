"""Why a dataset cannot be trained on."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DatasetEmpty(Reason):
    tokens: int


class DatasetChanged(Reason):
    path: Path


class DatasetUnreadable(Reason):
    path: Path
    detail: ForeignText | Reason


class NoSentenceEnds(Reason):
    pass


class OneLine(Reason):
    pass


class DatasetNotText(Reason):
    form: str


class DatasetNotUtf8(Reason):
    byte: int
    size: int
