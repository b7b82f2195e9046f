"""Workers without torch: they go through a job's real protocol at once, and stop where a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emeth_tui.protocol.hash_chain import dataset_digest
from emeth_tui.training.reports import EpochDone, Prepared, TrainRequest, Work
from emeth_tui.workers.supervisor import TrainedResult, WorkerPhase, WorkerView

EPOCH_TOKENS = 1_000


@dataclass
class Script:
    """What the workers do: hold before `hold_before_epoch` until `go_on`, raise `failure` in training.

    With a speed they say that they trained so fast, 1,000 tokens an epoch; without one, nothing of that.
    """

    hold_before_epoch: int | None = None
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    hashes: list[str] = field(default_factory=list)
    paused: bool = False
    tokens_per_s: float | None = None
    stopped_at: list[int] = field(default_factory=list)
    requests: list[TrainRequest] = field(default_factory=list)


class QuickWorker:
    """One pretended device; its checkpoint is a file that holds the number of epochs done."""

    def __init__(self, index: int, device: str, script: Script, jobs_dir: Path = Path()) -> None:
        self.index, self.device = index, device
        self._script = script
        self._jobs_dir = jobs_dir
        self.busy = False
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
        directory = self._jobs_dir / request.directory
        checkpoint = directory / "quick-checkpoint"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        digest = dataset_digest((directory / request.dataset).read_text("utf-8"))
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
                raise


class QuickPool:
    """Stands in for `workers.supervisor.WorkerPool`."""

    def __init__(self, devices: Sequence[str], script: Script, jobs_dir: Path) -> None:
        self.workers = tuple(
            QuickWorker(index, device, script, jobs_dir) for index, device in enumerate(devices)
        )

    async def start(self) -> None:
        pass

    async def close(self, grace_s: float) -> None:
        pass
