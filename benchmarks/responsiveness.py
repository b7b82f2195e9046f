"""How soon a worker pauses on request, and stops with a checkpoint on the disk."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from emeth_tui.training.reports import Paused, Prepared, Resumed, TrainRequest
from emeth_tui.workers.supervisor import Worker

_LONGEST_WAIT_S = 0.5  # between two requests


@dataclass(frozen=True, slots=True)
class Obedience:
    """Seconds from each request to the report that it is done; `stop_s` includes the checkpoint."""

    pauses_s: list[float]
    stop_s: float


@dataclass(slots=True)
class _Ear:
    """Waits for a kind of message."""

    _waiting: dict[type[object], anyio.Event] = field(default_factory=dict)

    def hear(self, message: object) -> None:
        if type(message) in self._waiting:
            self._waiting.pop(type(message)).set()

    async def wait(self, kind: type[object], ask: Callable[[], object]) -> float:
        """Ask, and return the seconds until a message of this kind arrives."""
        came = self._waiting[kind] = anyio.Event()
        asked = time.monotonic()
        ask()
        await came.wait()
        return time.monotonic() - asked


async def measure_obedience(worker: Worker, request: TrainRequest, pauses: int, seed: int) -> Obedience:
    """Pause a job `pauses` times, at random moments by the seed, then stop it. The job must last longer."""
    ear, chance = _Ear(), random.Random(seed)
    pauses_s: list[float] = []
    async with anyio.create_task_group() as tasks:

        async def train() -> None:
            await worker.train(request, hash_for=lambda digest, epochs: "", on_message=ear.hear)

        await ear.wait(Prepared, lambda: tasks.start_soon(train))
        for _ in range(pauses):
            await anyio.sleep(chance.uniform(0.0, _LONGEST_WAIT_S))
            pauses_s.append(await ear.wait(Paused, worker.pause))
            await ear.wait(Resumed, worker.resume)
        await anyio.sleep(chance.uniform(0.0, _LONGEST_WAIT_S))
        asked = time.monotonic()
        tasks.cancel_scope.cancel()
    return Obedience(pauses_s, time.monotonic() - asked)
