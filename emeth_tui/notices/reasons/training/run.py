"""Why a training does not go on."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class TrainingDiverged(Reason):
    epoch: int
    cause: Reason


@dataclass(frozen=True, slots=True)
class ValidationLossIs(Reason):
    loss: float


@dataclass(frozen=True, slots=True)
class TrainingLossIs(Reason):
    loss: float


@dataclass(frozen=True, slots=True)
class NoFiniteStep(Reason):
    pass


@dataclass(frozen=True, slots=True)
class StepsNotFinite(Reason):
    skipped: int
    steps: int


@dataclass(frozen=True, slots=True)
class OneBlockTooLarge(Reason):
    device: str


@dataclass(frozen=True, slots=True)
class UnknownDevice(Reason):
    device: str


@dataclass(frozen=True, slots=True)
class TorchForCpus(Reason):
    device: str


@dataclass(frozen=True, slots=True)
class DeviceUnusable(Reason):
    device: str
    detail: str
