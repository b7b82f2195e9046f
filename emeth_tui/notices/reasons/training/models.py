"""Why a model cannot be fetched or trained."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class ModelFileUnreadable(Reason):
    model: str
    path: Path
    detail: ForeignText | Reason


class NoStateDict(Reason):
    pass


class SentencePieceDamaged(Reason):
    model: str
    path: Path


class TokenizerUnusable(Reason):
    model: str
    detail: ForeignText


class TokenizerNotFast(Reason):
    model: str


class TokenizerMissing(Reason):
    model: str
    directory: Path


class NoModelDirectory(Reason):
    model: str


class WeightsMissing(Reason):
    model: str
    directory: Path
    names: str


class ConfigUnusable(Reason):
    model: str
    detail: ForeignText


class VocabularyTooLarge(Reason):
    model: str
    tokens: int
    room: int


class BlocksTooLong(Reason):
    model: str
    positions: int
    block: int


class WeightsUnfit(Reason):
    model: str
    detail: Reason


class TensorMissing(Reason):
    name: str


class TensorShape(Reason):
    name: str
    shape: str
    wanted: str


class TensorNotTied(Reason):
    name: str
    other: str


class NotPlainGpt2(Reason):
    model: str
    key: str
    value: str


class WidthIndivisible(Reason):
    model: str
    width: int
    heads: int


class NotOnHub(Reason):
    model: str


class HubUnreachable(Reason):
    model: str
    detail: ForeignText
