"""What NVML says of the GPUs that train: load, memory, temperature, power. Read in a thread of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

READ_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at a moment. What the driver does not tell is None."""

    device: str  # as the settings name it: `cuda:0`
    load_percent: int | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_c: int | None
    power_w: float | None


class GpuMeter:
    """Keeps the newest readings of the `cuda:N` among `devices`; without a driver there are none."""

    def __init__(self, devices: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._devices = tuple(dict.fromkeys(name for name in devices if name.startswith("cuda:")))
        self._monotonic = monotonic
        self._readings: tuple[GpuReading, ...] = ()
        self._asked_at = -READ_EVERY_S
        self._reading: asyncio.Future[tuple[GpuReading, ...]] | None = None

    def latest(self) -> tuple[GpuReading, ...]:
        """Give the newest readings, and have new ones made when they are old. Called on the event loop."""
        if self._devices and self._reading is None and self._monotonic() - self._asked_at >= READ_EVERY_S:
            self._asked_at = self._monotonic()
            self._reading = asyncio.get_running_loop().run_in_executor(None, read_gpus, self._devices)
            self._reading.add_done_callback(self._take)
        return self._readings

    def _take(self, reading: asyncio.Future[tuple[GpuReading, ...]]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._readings = reading.result()


def read_gpus(devices: Sequence[str]) -> tuple[GpuReading, ...]:
    """Ask NVML about `cuda:N` devices, in a thread."""
    from emeth_tui.engine.gpus import nvml

    return nvml.read(devices)
