"""The newest readings of the GPUs that train and of the machine, taken in a separate thread."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.machine import sysfs
from emeth_tui.engine.machine.machine import Machine
from emeth_tui.engine.machine.reading import NOTHING_READ, MachineReading
from emeth_tui.process.threads import in_thread
from emeth_tui.workers.views import WorkerView

if TYPE_CHECKING:
    from emeth_tui.engine.gpus.session import GpuSession  # NVML behind it takes a while to load

logger = logging.getLogger(__name__)
READ_EVERY_S = 2.0
STALE_AFTER_S = 30.0  # a driver that hangs must not hold a device by what it said before


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of everything. `at_s` is of a clock that only goes on.

    `energy_uj` is what processes took since the sample before, by process; None where it cannot be read.
    """

    at_s: float = 0.0
    gpus: tuple[GpuReading, ...] = ()
    machine: MachineReading = NOTHING_READ
    energy_uj: Mapping[int, int] | None = None

    def gpu(self, device: str) -> GpuReading | None:
        return next((gpu for gpu in self.gpus if gpu.device == device), None)


_NOTHING_SEEN = Sample()


class Sensors:
    """Keeps the newest sample. Without a driver there are no GPUs in it, and in one that is old nothing."""

    def __init__(
        self,
        workers: Callable[[], Iterable[WorkerView]],
        *,
        root: Path = sysfs.ROOT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = workers
        self._root = root
        self._monotonic = monotonic
        self._machine = Machine(root)
        self._session: GpuSession | None = None
        self._latest = _NOTHING_SEEN
        self._failure = ""
        self._asked_at = -READ_EVERY_S
        self._reading: asyncio.Future[Sample] | None = None
        self._listeners: list[Callable[[Sample], None]] = []

    @property
    def now_s(self) -> float:
        """The time of the samples' clock."""
        return self._monotonic()

    def subscribe(self, listener: Callable[[Sample], None]) -> None:
        """Have `listener` called on the event loop with each new sample."""
        self._listeners.append(listener)

    def latest(self) -> Sample:
        """Return the newest sample, and start a new one when it is old. Call on the event loop."""
        if self._monotonic() - self._asked_at >= READ_EVERY_S:
            self._begin_to_read()
        is_new = self._monotonic() - self._latest.at_s < STALE_AFTER_S
        return self._latest if is_new else _NOTHING_SEEN

    async def read_once_more(self, limit_s: float) -> None:
        """Have listeners called with a sample of now, and wait for it for at most so long."""
        reading = self._begin_to_read()
        await asyncio.wait({reading}, timeout=limit_s)

    def _begin_to_read(self) -> asyncio.Future[Sample]:
        """Begin a reading, unless one is under way."""
        if self._reading is None:
            self._asked_at = self._monotonic()
            views = list(self._workers())
            gpus = {view.device: view.gpu_uuid for view in views if view.gpu_uuid}
            own = {os.getpid(), *(view.pid for view in views if view.pid)}
            self._reading = in_thread(self._read, gpus, own)
            self._reading.add_done_callback(self._take)
        return self._reading

    def _read(self, gpus: Mapping[str, str], own: set[int]) -> Sample:
        at_s, look = self._monotonic(), self._machine.look(own)
        return Sample(at_s, self._read_gpus(gpus, own), look.reading, look.energy_uj)

    def _read_gpus(self, gpus: Mapping[str, str], own: set[int]) -> tuple[GpuReading, ...]:
        if not gpus:
            return ()
        if self._session is None:
            from emeth_tui.engine.gpus.session import GpuSession

            self._session = GpuSession()
        # In a container NVML may name processes by numbers of another table: they may be our own.
        return self._session.read(gpus, lambda pid: pid not in own and sysfs.exists(pid, self._root))

    def _take(self, reading: asyncio.Future[Sample]) -> None:
        self._reading = None
        if reading.cancelled():
            return
        if (error := reading.exception()) is not None:
            if repr(error) != self._failure:  # every two seconds is too often
                self._failure = repr(error)
                logger.error("the devices could not be read", exc_info=error)
            return
        self._failure = ""
        self._latest = reading.result()
        for listener in self._listeners:
            listener(self._latest)
