"""Why a training does not go on."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class TrainingDiverged(Reason):
    epoch: int
    cause: Reason


class StatesMissing(Reason):
    """The verifier of this network would ask for them."""

    epochs: int


class ValidationLossIs(Reason):
    loss: float


class TrainingLossIs(Reason):
    loss: float


class NoFiniteStep(Reason):
    pass


class StepsNotFinite(Reason):
    skipped: int
    steps: int


class OneBlockTooLarge(Reason):
    device: str


class PartUnfit(Reason):
    part: int
    cause: Reason


class UnknownDevice(Reason):
    device: str


class TorchForCpus(Reason):
    device: str


class DeviceUnusable(Reason):
    device: str
    detail: ForeignText
