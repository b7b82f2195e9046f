"""What is wrong with a result file."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ResultUnloadable(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class ResultKeysWrong(Reason):
    wanted: str


@dataclass(frozen=True, slots=True)
class ResultEpochWrong(Reason):
    epoch: float


@dataclass(frozen=True, slots=True)
class ResultNotTorch(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ResultCompressed(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ResultTooLarge(Reason):
    held: int
    wanted: int


@dataclass(frozen=True, slots=True)
class ResultNotANumber(Reason):
    name: str


@dataclass(frozen=True, slots=True)
class ResultNotFinite(Reason):
    name: str
    number: float


@dataclass(frozen=True, slots=True)
class ResultHashWrong(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ResultWithoutWeights(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ResultTensorsDiffer(Reason):
    missing: int
    unknown: int


@dataclass(frozen=True, slots=True)
class ResultTensorNotPlain(Reason):
    name: str


@dataclass(frozen=True, slots=True)
class ResultTensorShape(Reason):
    name: str
    shape: str
    wanted: str


@dataclass(frozen=True, slots=True)
class ResultTensorNotFinite(Reason):
    name: str


@dataclass(frozen=True, slots=True)
class ResultUnfit(Reason):
    model: str
    detail: str
