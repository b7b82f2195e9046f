"""What is wrong with a result file."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class ResultUnloadable(Reason):
    detail: ForeignText


class ResultKeysWrong(Reason):
    wanted: str


class ResultEpochWrong(Reason):
    epoch: float


class ResultNotTorch(Reason):
    pass


class ResultCompressed(Reason):
    pass


class ResultTooLarge(Reason):
    held: int
    wanted: int


class ResultNotANumber(Reason):
    name: str


class ResultNotFinite(Reason):
    name: str
    number: float


class ResultHashWrong(Reason):
    pass


class ResultWithoutWeights(Reason):
    pass


class ResultTensorsDiffer(Reason):
    missing: int
    unknown: int


class ResultTensorNotPlain(Reason):
    name: str


class ResultTensorShape(Reason):
    name: str
    shape: str
    wanted: str


class ResultTensorNotFinite(Reason):
    name: str


class ResultUnfit(Reason):
    model: str
    detail: Reason


class DifferenceMalformed(Reason):
    pass


class DifferenceOfAnotherAverage(Reason):
    pass


class DifferenceOutOfBounds(Reason):
    name: str
