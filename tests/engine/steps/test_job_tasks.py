"""A job has one task: what follows one that is to end waits until it has saved, and the last word counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.engine.steps import job_tasks
from emeth_tui.engine.steps.job_tasks import JobTasks
from emeth_tui.model import JobId
from tests.factories import JOB_ID


class SavingPipeline:
    """Works until it is cancelled, and then saves until `saved` is set; `log` says what it did."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.working, self.saving, self.saved = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def resume(self) -> None:
        self._log.append("resumed")

    async def run(self) -> None:
        self._log.append("began")
        self.working.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.saving.set()
            try:
                await self.saved.wait()
            except asyncio.CancelledError:
                self._log.append("broken off")
                raise
            self._log.append("saved")
            raise


class Tasks:
    """The tasks of one job, each of a pipeline that a test holds while it saves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.pipelines: list[SavingPipeline] = []
        self.book = {JOB_ID}
        monkeypatch.setattr(job_tasks, "JobPipeline", self._new)
        context = cast("Any", SimpleNamespace(book=self.book))
        self.tasks = JobTasks(context, cast("Any", None), Backoff(0.0, 0.0), lambda _task: None)

    def _new(self, *_: object) -> SavingPipeline:
        self.pipelines.append(SavingPipeline(self.log))
        return self.pipelines[-1]

    async def begin(self) -> SavingPipeline:
        """Start the job; return its pipeline at work."""
        self.tasks.start(JOB_ID)
        await self.pipelines[-1].working.wait()
        return self.pipelines[-1]

    async def let_save(self) -> None:
        """Let the task that ends do so, and all that waits for it happen."""
        ending = self.tasks._ending[JOB_ID]
        self.pipelines[-1].saved.set()
        await asyncio.wait([ending])
        if len(self.pipelines) > 1:
            await self.pipelines[-1].working.wait()

    def clear_up(self, job_id: JobId) -> None:
        assert job_id == JOB_ID
        self.log.append("cleared up")


@pytest.fixture
async def job(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tasks]:
    job = Tasks(monkeypatch)
    yield job
    for pipeline in job.pipelines:
        pipeline.saved.set()
    await job.tasks.cancel_all()


async def test_what_is_started_twice_runs_once(job: Tasks) -> None:
    await job.begin()
    job.tasks.start(JOB_ID)
    assert len(job.pipelines) == 1


@pytest.mark.parametrize("again", ["start", "restart"])
async def test_an_end_that_is_taken_back_while_a_worker_saves_waits_for_that(job: Tasks, again: str) -> None:
    pipeline = await job.begin()
    job.tasks.stop(JOB_ID)
    await pipeline.saving.wait()
    getattr(job.tasks, again)(JOB_ID)
    getattr(job.tasks, again)(JOB_ID)
    assert job.log == ["began"]
    await job.let_save()
    assert job.log == ["began", "saved", "began"]


async def test_what_is_resumed_without_a_task_is_started(job: Tasks) -> None:
    job.tasks.resume(JOB_ID)
    await job.pipelines[-1].working.wait()
    job.tasks.resume(JOB_ID)
    assert job.log == ["began", "resumed"]


async def test_what_is_resumed_while_it_ends_stays_with_whoever_ends_it(job: Tasks) -> None:
    pipeline = await job.begin()
    job.tasks.stop(JOB_ID)
    await pipeline.saving.wait()
    job.tasks.resume(JOB_ID)
    await job.let_save()
    assert job.log == ["began", "saved"]


async def test_the_last_word_counts(job: Tasks) -> None:
    await job.begin()
    job.tasks.end(JOB_ID, job.clear_up)
    job.tasks.restart(JOB_ID)
    job.tasks.stop(JOB_ID)
    await job.let_save()
    assert job.log == ["began", "saved"]


async def test_files_are_cleared_up_when_nothing_is_written_there_any_more(job: Tasks) -> None:
    await job.begin()
    job.tasks.stop(JOB_ID)  # its end is seen
    job.tasks.end(JOB_ID, job.clear_up)  # and final
    assert job.log == ["began"]
    job.book.clear()
    job.tasks.start(JOB_ID)  # by whoever does not know yet
    await job.let_save()
    assert job.log == ["began", "saved", "cleared up"]
    job.tasks.end(JOB_ID, job.clear_up)
    assert job.log[-2:] == ["cleared up"] * 2


async def test_who_cancels_waits_for_what_is_ending_and_a_start_is_called_off(job: Tasks) -> None:
    pipeline = await job.begin()
    job.tasks.restart(JOB_ID)
    cancelling = asyncio.create_task(job.tasks.cancel(JOB_ID))
    await pipeline.saving.wait()
    assert not cancelling.done()
    await job.let_save()
    assert await cancelling is True
    assert job.log == ["began", "saved"]
    assert await job.tasks.cancel(JOB_ID) is False


async def test_who_cancels_a_job_that_has_ended_waits_and_keeps_nothing_from_being_cleared_up(
    job: Tasks,
) -> None:
    pipeline = await job.begin()
    job.tasks.end(JOB_ID, job.clear_up)
    cancelling = asyncio.create_task(job.tasks.cancel(JOB_ID))
    await pipeline.saving.wait()
    assert not cancelling.done()
    await job.let_save()
    assert await cancelling is False
    assert job.log == ["began", "saved", "cleared up"]


async def test_who_gives_up_waiting_breaks_off_no_saving(job: Tasks) -> None:
    pipeline = await job.begin()
    cancelling = asyncio.create_task(job.tasks.cancel(JOB_ID))
    await pipeline.saving.wait()
    cancelling.cancel()
    await asyncio.wait([cancelling])
    assert job.log == ["began"]
    await job.let_save()
    assert job.log == ["began", "saved"]


async def test_a_node_that_stops_waits_for_all_and_starts_nothing_anew(job: Tasks) -> None:
    pipeline = await job.begin()
    job.tasks.restart(JOB_ID)
    stopping = asyncio.create_task(job.tasks.cancel_all())
    await pipeline.saving.wait()
    assert not stopping.done()
    await job.let_save()
    await stopping
    assert job.log == ["began", "saved"]
    await job.tasks.cancel_all()


async def test_a_command_that_comes_while_a_node_stops_begins_no_task(job: Tasks) -> None:
    """A deposit could be staked while the node closes, or a training begun that nobody saves."""
    pipeline = await job.begin()
    stopping = asyncio.create_task(job.tasks.cancel_all())
    await pipeline.saving.wait()
    job.tasks.start(JOB_ID)
    job.tasks.restart(JOB_ID)
    await job.let_save()
    await stopping
    job.tasks.resume(JOB_ID)
    assert len(job.pipelines) == 1
    assert await job.tasks.cancel(JOB_ID) is False
