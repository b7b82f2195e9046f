"""What the devices can do."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class CpuUsed(Reason):
    cores: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class CpuShortOfMemory(Reason):
    free_bytes: int
    needed_bytes: int
    model: str


@dataclass(frozen=True, slots=True)
class DriverAnswers(Reason):
    version: str
    cuda: str


class DriverSilent(Reason):
    __slots__ = ()


class NoGpu(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DriverTooOld(Reason):
    version: str
    cuda: str
    needed: str


@dataclass(frozen=True, slots=True)
class TorchWithoutCuda(Reason):
    version: str


@dataclass(frozen=True, slots=True)
class GpuThere(Reason):
    device: str
    name: str
    capability: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class GpuAbsent(Reason):
    device: str
    visible: int


@dataclass(frozen=True, slots=True)
class GpusHidden(Reason):
    hidden: int
    gpus: int
    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class GpusUnused(Reason):
    gpus: int
    unused: int


@dataclass(frozen=True, slots=True)
class GpuWithoutMatrixUnits(Reason):
    device: str
    capability: str


@dataclass(frozen=True, slots=True)
class GpuShortOfMemory(Reason):
    device: str
    free_bytes: int
    needed_bytes: int
    model: str


@dataclass(frozen=True, slots=True)
class GpuShared(Reason):
    device: str
    pid: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class OwnNodeWorks(Reason):
    device: str
    pid: int


@dataclass(frozen=True, slots=True)
class ProbeTrained(Reason):
    device: str
    name: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ProbeFailed(Reason):
    device: str
    cause: Reason


@dataclass(frozen=True, slots=True)
class ProbeDiverged(Reason):
    device: str
    name: str
