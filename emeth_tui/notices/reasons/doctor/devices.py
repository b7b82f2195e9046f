"""What the devices can do."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class CpuUsed(Reason):
    cores: int
    free_bytes: int


class CpuShortOfMemory(Reason):
    free_bytes: int
    needed_bytes: int
    model: str


class DriverAnswers(Reason):
    version: str
    cuda: str


class DriverSilent(Reason):
    pass


class NoGpu(Reason):
    pass


class DriverTooOld(Reason):
    version: str
    cuda: str
    needed: str


class TorchWithoutCuda(Reason):
    version: str


class GpuThere(Reason):
    device: str
    name: str
    capability: str
    free_bytes: int
    total_bytes: int


class GpuAbsent(Reason):
    device: str
    visible: int


class GpusHidden(Reason):
    hidden: int
    gpus: int
    variable: str
    value: str


class GpusUnused(Reason):
    gpus: int
    unused: int


class GpuWithoutMatrixUnits(Reason):
    device: str
    capability: str


class GpuShortOfMemory(Reason):
    device: str
    free_bytes: int
    needed_bytes: int
    model: str


class GpuShared(Reason):
    device: str
    pid: int
    used_bytes: int


class OwnNodeWorks(Reason):
    device: str
    pid: int


class ProbeTrained(Reason):
    device: str
    name: str
    tokens: int


class ProbeFailed(Reason):
    device: str
    cause: Reason


class ProbeDiverged(Reason):
    device: str
    name: str
