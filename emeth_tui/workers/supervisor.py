"""The worker pool: one supervised process a device, driven from the parent's event loop.

Importing this module loads no torch: that happens in the processes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from emeth_tui.errors import DeviceFailed
from emeth_tui.model import WorkerPhase
from emeth_tui.notices.notice import Reason
from emeth_tui.words.sentences import english
from emeth_tui.workers.cores import thread_shares, usable_cores
from emeth_tui.workers.limits import Limits
from emeth_tui.workers.link import LinkFactory, WorkerConfig
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.views import TrainedResult, WorkerView
from emeth_tui.workers.worker import OnChange, Worker

__all__ = [
    "DeviceDown",
    "DeviceStarted",
    "FarDevicePlace",
    "Limits",
    "TrainedResult",
    "Worker",
    "WorkerDirectories",
    "WorkerPhase",
    "WorkerPool",
    "WorkerSilent",
    "WorkerView",
]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerDirectories:
    """Where workers keep their logs, their jobs, and what they found out about devices (None: nowhere)."""

    logs: Path
    jobs: Path
    devices: Path | None = None


@dataclass(frozen=True, slots=True)
class DeviceStarted:
    """A worker holds its device and takes jobs."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class DeviceDown:
    """A worker's device does not start; it is tried again in `again_in_s`."""

    worker: Worker
    error: DeviceFailed
    again_in_s: float


@dataclass(frozen=True, slots=True)
class WorkerSilent:
    """An idle worker does not answer; its process is ended, and started again."""

    worker: Worker
    reason: Reason


@dataclass(frozen=True, slots=True)
class FarDevicePlace:
    """Where a device is that is not on this machine, and how its worker is reached."""

    host: str
    threads: int
    open_link: LinkFactory


PoolEvent = DeviceStarted | DeviceDown | WorkerSilent
OnPoolEvent = Callable[[PoolEvent], None]


class WorkerPool:
    """The node's workers, which may change while it runs. All calls belong on the event loop's thread.

    A device that does not start keeps nobody waiting: it is tried again, with backoff, until it is removed.
    """

    def __init__(
        self,
        devices: Sequence[str],
        directories: WorkerDirectories,
        on_change: OnChange = lambda view: None,
        limits: Limits | None = None,
        open_link: LinkFactory = LocalProcess,
    ) -> None:
        """Make a worker for each of `devices` (`cpu`, `cuda:0`, …).

        `on_change` is called with every change of a view.
        """
        self._directories = directories
        self._on_change = on_change
        self._limits = limits or Limits()
        self._open_link = open_link
        self._listeners: list[OnPoolEvent] = []
        self._starts: dict[Worker, asyncio.Task[None]] = {}
        self._made = itertools.count()
        shares = thread_shares(devices, usable_cores())
        self._workers = [self._make(device, share) for device, share in zip(devices, shares, strict=True)]

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers there are now, those whose device does not start included."""
        return tuple(self._workers)

    def subscribe(self, listener: OnPoolEvent) -> None:
        """Have `listener` called with everything that happens to the devices from now on."""
        self._listeners.append(listener)

    async def start(self, *, required: bool = True) -> None:
        """Start all workers, and return when each has started or failed.

        Once one has started, the others have `Limits.others_s`; they go on starting after that. Raise
        DeviceFailed when no device starts at all; the pool is closed then. Where none is `required`, all have
        `Limits.none_s`, and go on starting after that.
        """
        firsts = [self._start(worker) for worker in self._workers]
        waiting, failures = set(firsts), []
        while waiting:
            limit_s = None if required else self._limits.none_s
            if any(worker.usable for worker in self._workers):
                limit_s = self._limits.others_s
            done, waiting = await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return
            failures += [error for first in firsts if first in done and (error := first.result())]
        if required and len(failures) == len(firsts) and failures:
            await self.close(0.0)
            raise failures[0]

    def add(self, device: str, far: FarDevicePlace | None = None) -> Worker:
        """Make a worker for another device and have it start; DeviceStarted is published when it has."""
        if far is not None:
            worker = self._make(device, far.threads, far)
        else:
            devices = [worker.device for worker in self._workers if not worker.host] + [device]
            worker = self._make(device, thread_shares(devices, usable_cores())[-1])
        self._workers.append(worker)
        self._start(worker)
        return worker

    async def remove(self, worker: Worker, grace_s: float) -> None:
        """Close a worker and forget it; a job that it has is saved first, if it can be within `grace_s`."""
        self._workers.remove(worker)
        await self._close(worker, grace_s)

    async def call_roll(self, workers: Sequence[Worker]) -> None:
        """Have idle workers answer; those that do not in time are unusable and started again.

        WorkerSilent is published for each of them.
        """
        async with anyio.create_task_group() as calls:
            for worker in workers:
                calls.start_soon(self._call, worker)

    async def _call(self, worker: Worker) -> None:
        if (reason := await worker.why_silent()) is not None:
            log.warning("worker %d on %s does not answer: %s", worker.index, worker.device, english(reason))
            self._publish(WorkerSilent(worker, reason))
            self._start_later(worker)

    async def close(self, grace_s: float) -> None:
        """End all processes: running jobs save a checkpoint first, if they can within `grace_s`."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as ends:
                for worker in self._workers:
                    ends.start_soon(self._close, worker, grace_s)

    async def _close(self, worker: Worker, grace_s: float) -> None:
        if start := self._starts.pop(worker, None):
            start.cancel()
            await asyncio.wait([start])
        await worker.close(grace_s)

    def _make(self, device: str, threads: int, far: FarDevicePlace | None = None) -> Worker:
        index = next(self._made)
        config = _config(index, device, threads, self._directories)
        open_link = self._open_link
        if far is not None:
            name = f"worker-{device.replace(':', '-')}"  # as the keeper there names it
            config = replace(config, name=name, host=far.host, log_path=f"{far.host}:{name}.log")
            open_link = far.open_link
        return Worker(index, config, self._limits, self._on_change, open_link, self._start_later)

    def _start(self, worker: Worker) -> asyncio.Future[DeviceFailed | None]:
        """Have a worker start, and start again; return what comes of the first try."""
        first: asyncio.Future[DeviceFailed | None] = asyncio.get_running_loop().create_future()
        self._starts[worker] = asyncio.create_task(self._keep_starting(worker, first))
        return first

    def _start_later(self, worker: Worker) -> None:
        """Try a device again that failed under a job."""
        if worker in self._workers and worker not in self._starts:
            self._start(worker)

    async def _keep_starting(self, worker: Worker, first: asyncio.Future[DeviceFailed | None]) -> None:
        failures = 0
        try:
            while error := await _failed_start(worker):
                failures += 1
                delay_s = self._limits.device.delay_s(failures)
                log.warning("%s; trying again in %.0f s", error, delay_s)
                self._publish(DeviceDown(worker, error, delay_s))
                if not first.done():
                    first.set_result(error)
                await anyio.sleep(delay_s)
            self._publish(DeviceStarted(worker))
        finally:
            self._starts.pop(worker, None)
            if not first.done():
                first.set_result(None)

    def _publish(self, event: PoolEvent) -> None:
        for listener in self._listeners:
            listener(event)


async def _failed_start(worker: Worker) -> DeviceFailed | None:
    try:
        await worker.start()
    except DeviceFailed as error:
        return error
    return None


def _config(index: int, device: str, threads: int, directories: WorkerDirectories) -> WorkerConfig:
    name = f"worker-{index}"
    return WorkerConfig(
        name=name,
        device=device,
        log_path=str(directories.logs / f"{name}.log"),
        threads=threads,
        jobs_dir=str(directories.jobs),
        devices_dir=str(directories.devices) if directories.devices else "",
        forked=device == "cpu",
    )
