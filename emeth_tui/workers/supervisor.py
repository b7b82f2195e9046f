"""The worker pool: one supervised process a device, driven from the parent's event loop.

Importing this module loads no torch: that happens in the processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from emeth_tui.errors import WorkerError
from emeth_tui.workers.cores import thread_shares, usable_cores
from emeth_tui.workers.link import LinkFactory, WorkerConfig
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.views import TrainedResult, WorkerPhase, WorkerView
from emeth_tui.workers.worker import Limits, OnChange, Worker

__all__ = [
    "Limits",
    "TrainedResult",
    "Worker",
    "WorkerDirectories",
    "WorkerPhase",
    "WorkerPool",
    "WorkerView",
]


@dataclass(frozen=True, slots=True)
class WorkerDirectories:
    """Where workers keep their logs, their jobs, and what they found out about devices (None: nowhere)."""

    logs: Path
    jobs: Path
    devices: Path | None = None


class WorkerPool:
    """The node's workers. `start` and `close` once each, on the event loop's thread."""

    def __init__(
        self,
        devices: Sequence[str],
        directories: WorkerDirectories,
        on_change: OnChange = lambda view: None,
        limits: Limits | None = None,
        open_link: LinkFactory = LocalProcess,
    ) -> None:
        """One worker for each of `devices` (`cpu`, `cuda:0`, …); `on_change` hears every change of a view."""
        shares = thread_shares(devices, usable_cores())
        self.workers: tuple[Worker, ...] = tuple(
            Worker(
                index,
                _config(index, device, threads, directories),
                limits or Limits(),
                on_change,
                open_link,
            )
            for index, (device, threads) in enumerate(zip(devices, shares, strict=True))
        )

    async def start(self) -> None:
        """Start all processes and wait until each holds its device.

        Raises WorkerError, with the log's path, when one does not; the others are ended then.
        """
        failures: list[WorkerError] = []

        async def start(worker: Worker) -> None:
            try:
                await worker.start()
            except WorkerError as error:
                failures.append(error)

        async with anyio.create_task_group() as starts:
            for worker in self.workers:
                starts.start_soon(start, worker)
        if failures:
            await self.close(0.0)
            raise failures[0]

    async def close(self, grace_s: float) -> None:
        """End all processes: running jobs save a checkpoint first, if they can within `grace_s`."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as ends:
                for worker in self.workers:
                    ends.start_soon(worker.close, grace_s)


def _config(index: int, device: str, threads: int, directories: WorkerDirectories) -> WorkerConfig:
    name = f"worker-{index}"
    return WorkerConfig(
        name=name,
        device=device,
        log_path=str(directories.logs / f"{name}.log"),
        threads=threads,
        jobs_dir=str(directories.jobs),
        devices_dir=str(directories.devices) if directories.devices else "",
    )
