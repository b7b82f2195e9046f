"""What NVML says of a GPU: a reading of the moment, and what it is."""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int]  # major and minor


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU's reading. Fields that its driver does not report are None."""

    device: str  # as the settings name it: `cuda:0`
    load_percent: int | None
    memory_used_bytes: int | None
    temperature_c: int | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that calculates on a GPU."""

    pid: int
    used_bytes: int | None


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What a GPU is, and who works on it. Fields that its driver does not report are None."""

    device: str  # `cuda:0`; "" for one that CUDA does not show here, or whose place in its order is not known
    name: str
    capability: Version | None
    total_bytes: int | None
    free_bytes: int | None
    processes: tuple[GpuProcess, ...]


@dataclass(frozen=True, slots=True)
class DriverFacts:
    """The driver, the newest CUDA that it serves, all GPUs, and how many of them CUDA shows here."""

    version: str
    cuda: Version | None
    gpus: tuple[GpuFacts, ...]
    visible: int
