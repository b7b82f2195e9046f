"""Workers without torch: they go through a job's real protocol at once, and stop where a test wants."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emeth_tui.errors import DeviceFailed
from emeth_tui.model import WorkerPhase
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.worker import ProcessSilent
from emeth_tui.protocol.hash_chain import dataset_digest
from emeth_tui.training.data.text_file import read_text
from emeth_tui.training.reports import EpochDone, Prepared, TrainRequest, Work
from emeth_tui.workers.supervisor import (
    DeviceStarted,
    FarDevicePlace,
    PoolEvent,
    TrainedResult,
    Worker,
    WorkerDirectories,
    WorkerPool,
    WorkerSilent,
    WorkerView,
)

EPOCH_TOKENS = 1_000


@dataclass
class Script:
    """What the workers do: hold before `hold_before_epoch` until `go_on`, raise `failure` in training, and
    take until `saved` for their checkpoint when they are stopped.

    With a speed they say that they trained so fast, 1,000 tokens an epoch; without one, nothing of that.
    """

    hold_before_epoch: int | None = None
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    saved: asyncio.Event | None = None
    failure: Exception | None = None
    hashes: list[str] = field(default_factory=list)
    paused: bool = False
    tokens_per_s: float | None = None
    stopped_at: list[int] = field(default_factory=list)
    requests: list[TrainRequest] = field(default_factory=list)
    failing_devices: set[int] = field(default_factory=set)  # workers whose device fails under the next job
    silent: set[int] = field(default_factory=set)  # workers that do not answer
    trained_on: list[int] = field(default_factory=list)
    no_device: bool = False  # none starts


class QuickWorker:
    """One pretended device; its checkpoint is a file that holds the number of epochs done."""

    def __init__(self, index: int, device: str, script: Script, jobs_dir: Path = Path()) -> None:
        self.index, self.device = index, device
        self._script = script
        self._jobs_dir = jobs_dir
        self.host = ""
        self.busy = False
        self.usable = True
        self.kind = device
        self.view = WorkerView(index, device, phase=WorkerPhase.IDLE)

    def pause(self) -> None:
        self._script.paused = True

    def resume(self) -> None:
        self._script.paused = False

    async def train(
        self,
        request: TrainRequest,
        *,
        hash_for: Callable[[str, int], str],
        on_message: Callable[[object], None],
    ) -> TrainedResult:
        self._script.requests.append(request)
        if self.index in self._script.failing_devices:
            self.usable = False
            raise DeviceFailed(Foreign(f"worker {self.index} does not start: it fell off the bus"))
        self._script.trained_on.append(self.index)
        directory = self._jobs_dir / request.directory
        checkpoint = directory / "quick-checkpoint"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        digest = dataset_digest("".join(read_text(directory / request.dataset)))
        on_message(
            Prepared(digest, EPOCH_TOKENS, 10, done, 0, valid_tokens=100, tokenised_s=0.1, loading_s=0.2)
        )
        resumed_epoch = done
        for epoch in range(done + 1, request.epochs + 1):
            await self._turn(epoch)
            checkpoint.write_text(str(epoch))
            work = self._work(epoch - resumed_epoch)
            on_message(
                EpochDone(epoch, train_loss=3.0, valid_loss=3.0 - epoch / 100, seconds=0.01, work=work)
            )
        self._script.hashes.append(hash_for(digest, request.epochs))
        path = directory / "checkpoint.pt"
        path.write_bytes(self._script.hashes[-1].encode())
        return TrainedResult(path.name, path.stat().st_size, request.epochs, 2.7)

    def _work(self, epochs: int) -> Work:
        speed = self._script.tokens_per_s
        if speed is None:
            return Work()
        tokens, valid_tokens = epochs * EPOCH_TOKENS, epochs * 100
        return Work(tokens, tokens / speed, valid_tokens, valid_tokens / speed, 0.0)

    async def _turn(self, epoch: int) -> None:
        if self._script.failure is not None:
            raise self._script.failure
        if epoch == self._script.hold_before_epoch:
            try:
                await self._script.go_on.wait()
            except asyncio.CancelledError:
                self._script.stopped_at.append(epoch - 1)
                if self._script.saved is not None:
                    await self._script.saved.wait()
                raise


class QuickPool:
    """Stands in for `workers.supervisor.WorkerPool`."""

    def __init__(self, devices: Sequence[str], script: Script, jobs_dir: Path) -> None:
        self.workers = tuple(
            QuickWorker(index, device, script, jobs_dir) for index, device in enumerate(devices)
        )

        self._script, self._jobs_dir = script, jobs_dir
        # Workers on other machines are real ones: nothing stands in for them.
        self._far = WorkerPool([], WorkerDirectories(jobs_dir / "logs", jobs_dir))
        self._far._made = itertools.count(len(devices))
        self._listeners: list[Callable[[PoolEvent], None]] = []

    def subscribe(self, listener: Callable[[PoolEvent], None]) -> None:
        self._listeners.append(listener)
        self._far.subscribe(listener)

    def device_started(self, worker: QuickWorker) -> None:
        """Say that a device works again."""
        worker.usable = True
        for listener in self._listeners:
            listener(DeviceStarted(worker))  # type: ignore[arg-type]

    def add(self, device: str, far: FarDevicePlace | None = None) -> QuickWorker | Worker:
        if far is not None:
            return self._far.add(device, far)
        worker = QuickWorker(len(self.workers), device, self._script, self._jobs_dir)
        self.workers = (*self.workers, worker)
        return worker

    async def remove(self, worker: QuickWorker | Worker, grace_s: float) -> None:
        if isinstance(worker, Worker):
            await self._far.remove(worker, grace_s)
        self.workers = tuple(one for one in self.workers if one is not worker)

    async def call_roll(self, workers: Sequence[QuickWorker | Worker]) -> None:
        for worker in workers:
            if isinstance(worker, Worker):
                await self._far.call_roll([worker])
            elif worker.index in self._script.silent and not worker.busy:
                worker.usable = False
                for listener in self._listeners:
                    listener(WorkerSilent(worker, ProcessSilent(5.0)))  # type: ignore[arg-type]

    async def start(self, *, required: bool = True) -> None:
        if not self._script.no_device:
            return
        for worker in self.workers:
            worker.usable = False
        if required:
            raise DeviceFailed(Foreign("no device starts"))

    async def close(self, grace_s: float) -> None:
        await self._far.close(grace_s)
