"""The newest readings of the GPUs that train, taken in a separate thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.workers.views import WorkerView

READ_EVERY_S = 2.0


class GpuMeter:
    """Keeps the newest readings of GPUs, which `uuids` gives by device; without a driver there are none."""

    def __init__(
        self, uuids: Callable[[], Mapping[str, str]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._uuids = uuids
        self._monotonic = monotonic
        self._readings: tuple[GpuReading, ...] = ()
        self._asked_at = -READ_EVERY_S
        self._reading: asyncio.Future[tuple[GpuReading, ...]] | None = None

    def latest(self) -> tuple[GpuReading, ...]:
        """Return the newest readings, and start new ones when they are old. Call on the event loop."""
        gpus = dict(self._uuids())
        if gpus and self._reading is None and self._monotonic() - self._asked_at >= READ_EVERY_S:
            self._asked_at = self._monotonic()
            self._reading = asyncio.get_running_loop().run_in_executor(None, read_gpus, gpus)
            self._reading.add_done_callback(self._take)
        return self._readings

    def _take(self, reading: asyncio.Future[tuple[GpuReading, ...]]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._readings = reading.result()


def uuids_by_device(workers: Iterable[WorkerView]) -> dict[str, str]:
    """Return the UUIDs of the GPUs that workers hold, by device, as the workers themselves report them."""
    return {view.device: view.gpu_uuid for view in workers if view.gpu_uuid}


def read_gpus(uuids: Mapping[str, str]) -> tuple[GpuReading, ...]:
    """Read GPUs through NVML, which takes a while to load; call it in a thread."""
    from emeth_tui.engine.gpus import nvml

    return nvml.read(uuids)
