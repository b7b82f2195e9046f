"""Steps that are compiled or recorded may break device and driver: processes that die go on without them."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.errors import WorkerError
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.training.reports import Prepared, TrainRequest
from emeth_tui.workers.link import OnEnd, WorkerConfig
from emeth_tui.workers.messages import FailureKind, JobFailed, Ready
from emeth_tui.workers.supervisor import Limits, Worker
from tests.workers.jobs import Listener, hash_for, make_request

LIMITS = Limits(restart=Backoff(0.0, 0.0), deaths=4)


class BreaksOff:
    """A process in which CUDA breaks once it trains: from the start of its job, or after so many epochs."""

    place, pid = "nowhere", 1

    def __init__(self, asked: list[TrainRequest], resumed_epochs: list[int]) -> None:
        self._asked = asked
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._answers.put_nowait(Ready(1, "cuda:0", "a GPU"))
        self._resumed_epochs = resumed_epochs

    def send(self, message: object) -> None:
        if not isinstance(message, TrainRequest):
            return
        self._asked.append(message)
        if self._resumed_epochs:
            epoch = self._resumed_epochs.pop(0)
            self._answers.put_nowait(Prepared("ab" * 32, 1_000, 10, epoch, 0))
        failure = to_data(Foreign("CUDA error: an illegal memory access was encountered"))
        self._answers.put_nowait(JobFailed(FailureKind.PROCESS, failure))

    async def receive(self, limit_s: float = math.inf) -> Any:
        return await self._answers.get()

    async def end(self, grace_s: float) -> None:
        pass

    async def kill(self) -> None:
        pass


async def asked_of(tmp_path: Path, *resumed_epochs: int) -> list[TrainRequest]:
    """Return what each process was asked for, until the job was given up."""
    asked: list[TrainRequest] = []
    resumed = list(resumed_epochs)

    def open_link(config: WorkerConfig, on_end: OnEnd) -> Any:
        return BreaksOff(asked, resumed)

    config = WorkerConfig("worker-0", "cuda:0", str(tmp_path / "log"), threads=1, jobs_dir="/")
    worker = Worker(0, config, LIMITS, lambda view: None, open_link)
    with pytest.raises(WorkerError, match="without getting further"):
        await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())
    return asked


async def test_after_two_deaths_in_a_row_steps_are_plain(tmp_path: Path) -> None:
    asked = await asked_of(tmp_path)

    assert [each.quick_steps for each in asked] == [True, True, False, False, False]
    assert {dataclasses.replace(each, quick_steps=True) for each in asked} == {make_request(tmp_path)}


async def test_a_job_that_gets_further_is_tried_quickly_again(tmp_path: Path) -> None:
    asked = await asked_of(tmp_path, 0, 1, 2, 2, 2, 3)

    assert [each.quick_steps for each in asked[:7]] == [True, True, True, True, False, False, True]
