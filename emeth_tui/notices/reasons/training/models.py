"""Why a model cannot be fetched or trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ModelFileUnreadable(Reason):
    model: str
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class SentencePieceDamaged(Reason):
    model: str
    path: Path


@dataclass(frozen=True, slots=True)
class TokenizerUnusable(Reason):
    model: str
    detail: str


@dataclass(frozen=True, slots=True)
class TokenizerNotFast(Reason):
    model: str


@dataclass(frozen=True, slots=True)
class TokenizerMissing(Reason):
    model: str
    directory: Path


@dataclass(frozen=True, slots=True)
class NoModelDirectory(Reason):
    model: str


@dataclass(frozen=True, slots=True)
class WeightsMissing(Reason):
    model: str
    directory: Path
    names: str


@dataclass(frozen=True, slots=True)
class ConfigUnusable(Reason):
    model: str
    detail: str


@dataclass(frozen=True, slots=True)
class VocabularyTooLarge(Reason):
    model: str
    tokens: int
    room: int


@dataclass(frozen=True, slots=True)
class BlocksTooLong(Reason):
    model: str
    positions: int
    block: int


@dataclass(frozen=True, slots=True)
class WeightsUnfit(Reason):
    model: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotPlainGpt2(Reason):
    model: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class WidthIndivisible(Reason):
    model: str
    width: int
    heads: int


@dataclass(frozen=True, slots=True)
class NotOnHub(Reason):
    model: str


@dataclass(frozen=True, slots=True)
class HubUnreachable(Reason):
    model: str
    detail: str
