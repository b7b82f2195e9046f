"""A reading of the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MachineReading:
    """The machine at a moment. What it does not report is None."""

    others_cpu_percent: float | None = None  # of all cores together, in other programs' hands
    free_memory_bytes: int | None = None
    battery_percent: int | None = None
    on_battery: bool | None = None


NOTHING_READ = MachineReading()
