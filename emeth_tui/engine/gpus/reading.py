"""What NVML says of a GPU: a reading of the moment, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Version = tuple[int, int]  # major and minor


class Slowdown(str, Enum):
    """Why a GPU runs slower than it could; the limit of its power alone is none of them."""

    HEAT = "heat"
    POWER_BRAKE = "power brake"  # the power supply asks for it
    HARDWARE = "hardware"  # for a cause that the GPU does not say


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU's reading. Fields that its driver does not report are None."""

    device: str  # as the settings name it: `cuda:0`
    load_percent: int | None
    memory_used_bytes: int | None
    temperature_c: int | None
    power_w: float | None
    memory_temperature_c: int | None = None
    margin_c: int | None = None  # left until it slows down, by its hottest sensor
    fan_percent: int | None = None
    others_bytes: int | None = None  # of its memory in other programs' hands
    energy_mj: int | None = None  # since the driver was loaded, in thousandths of a joule
    slowdown: Slowdown | None = None
    lost: bool = False  # the driver does not reach it any more
    xids: tuple[int, ...] = ()  # numbers of the errors since the last reading


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
