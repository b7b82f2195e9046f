"""The worker pool: one supervised process a device, driven from the parent's event loop.

Importing this module loads no torch: that happens in the processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio

from emeth_tui.errors import WorkerError
from emeth_tui.workers.cores import thread_shares, usable_cores
from emeth_tui.workers.link import prepare_spawning
from emeth_tui.workers.process import WorkerConfig
from emeth_tui.workers.views import TrainedResult, WorkerPhase, WorkerView
from emeth_tui.workers.worker import Limits, OnChange, Worker

__all__ = ["Limits", "TrainedResult", "Worker", "WorkerPhase", "WorkerPool", "WorkerView", "prepare_spawning"]


class WorkerPool:
    """The node's workers. `start` and `close` once each, on the event loop's thread."""

    def __init__(
        self,
        devices: Sequence[str],
        log_dir: Path,
        on_change: OnChange = lambda view: None,
        limits: Limits | None = None,
    ) -> None:
        """One worker for each of `devices` (`cpu`, `cuda:0`, …); `on_change` hears every change of a view."""
        shares = thread_shares(devices, usable_cores())
        self.workers: tuple[Worker, ...] = tuple(
            Worker(
                index,
                WorkerConfig(f"worker-{index}", device, str(log_dir / f"worker-{index}.log"), threads),
                limits or Limits(),
                on_change,
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
