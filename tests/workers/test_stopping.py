"""How long a stopping worker may take, with a scripted link, since no disk is slow on request."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.training.reports import Prepared, Saving, Stopped
from emeth_tui.workers.messages import Ready, Stop
from emeth_tui.workers.supervisor import Limits, WorkerPool
from tests.workers import virtual_time
from tests.workers.jobs import Listener, hash_for, in_directories, make_request, once

LIMITS = Limits(stop_s=6.0, stop_saving_s=60.0)


class ScriptedLink:
    """The link of a process that prepares its job and answers Stop with `answers`, each after some time."""

    def __init__(self, answers: list[tuple[float, Any]]) -> None:
        self.stopped = asyncio.Event()
        self.killed = False
        self._answers = answers
        self._messages: list[Any] = [Ready(1, "cpu", "a CPU"), Prepared("d", 1, 1, 0, 0)]

    def send(self, message: Any) -> None:
        if isinstance(message, Stop):
            self.stopped.set()

    async def receive(self, limit_s: float = math.inf) -> Any:
        if self._messages:
            return self._messages.pop(0)
        await self.stopped.wait()
        if not self._answers:
            await asyncio.Event().wait()
        after_s, message = self._answers.pop(0)
        await asyncio.sleep(after_s)
        return message

    async def kill(self) -> None:
        self.killed = True

    pid = 1

    async def end(self, grace_s: float) -> None:
        pass

    @property
    def place(self) -> str:
        return "a script"


def stopped(tmp_path: Path, *answers: tuple[float, Any]) -> ScriptedLink:
    """Cancel a job whose process answers so, and return when the cancellation has gone on."""
    return virtual_time.run(_stopped(tmp_path, *answers))


async def _stopped(tmp_path: Path, *answers: tuple[float, Any]) -> ScriptedLink:
    link, prepared = ScriptedLink(list(answers)), asyncio.Event()
    pool = WorkerPool(["cpu"], in_directories(tmp_path), limits=LIMITS, open_link=lambda config, on_end: link)
    (worker,) = pool.workers
    training = asyncio.create_task(
        worker.train(
            make_request(tmp_path),
            hash_for=hash_for,
            on_message=Listener(once(lambda message: isinstance(message, Prepared), prepared.set)),
        )
    )
    await prepared.wait()
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
    return link


def test_one_that_says_nothing_is_ended(tmp_path: Path) -> None:
    link = stopped(tmp_path, (7.0, Stopped(1, 0)))

    assert link.killed


def test_one_that_writes_its_checkpoint_has_longer(tmp_path: Path) -> None:
    link = stopped(tmp_path, (0.0, Saving(1, 0)), (50.0, Stopped(1, 0)))

    assert not link.killed


def test_one_that_never_gets_its_checkpoint_written_is_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link = stopped(tmp_path, (0.0, Saving(1, 0)))

    assert link.killed
    assert "not stopped within 60 s" in caplog.text
