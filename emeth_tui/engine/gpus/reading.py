"""A reading of a GPU: load, memory, temperature, power."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU's reading. Fields that its driver does not report are None."""

    device: str  # as the settings name it: `cuda:0`
    load_percent: int | None
    memory_used_bytes: int | None
    temperature_c: int | None
    power_w: float | None
