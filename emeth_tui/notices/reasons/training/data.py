"""Why a dataset cannot be trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DatasetEmpty(Reason):
    tokens: int


@dataclass(frozen=True, slots=True)
class DatasetChanged(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class DatasetUnreadable(Reason):
    path: Path
    detail: str


class NoSentenceEnds(Reason):
    __slots__ = ()


class OneLine(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DatasetNotText(Reason):
    form: str


@dataclass(frozen=True, slots=True)
class DatasetNotUtf8(Reason):
    byte: int
    size: int
