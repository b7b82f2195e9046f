"""The newest readings of the GPUs that train, taken in a separate thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from emeth_tui.engine.gpus.reading import GpuReading

READ_EVERY_S = 2.0


class GpuMeter:
    """Keeps the newest readings of the `cuda:N` among `devices`; without a driver there are none."""

    def __init__(
        self, devices: Callable[[], Sequence[str]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._devices = devices
        self._monotonic = monotonic
        self._readings: tuple[GpuReading, ...] = ()
        self._asked_at = -READ_EVERY_S
        self._reading: asyncio.Future[tuple[GpuReading, ...]] | None = None

    def latest(self) -> tuple[GpuReading, ...]:
        """Return the newest readings, and start new ones when they are old. Call on the event loop."""
        gpus = tuple(dict.fromkeys(name for name in self._devices() if name.startswith("cuda:")))
        if gpus and self._reading is None and self._monotonic() - self._asked_at >= READ_EVERY_S:
            self._asked_at = self._monotonic()
            self._reading = asyncio.get_running_loop().run_in_executor(None, read_gpus, gpus)
            self._reading.add_done_callback(self._take)
        return self._readings

    def _take(self, reading: asyncio.Future[tuple[GpuReading, ...]]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._readings = reading.result()


def read_gpus(devices: Sequence[str]) -> tuple[GpuReading, ...]:
    """Read `cuda:N` devices through NVML, which takes a while to load; call it in a thread."""
    from emeth_tui.engine.gpus import nvml

    return nvml.read(devices)
