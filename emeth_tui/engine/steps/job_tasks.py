"""The tasks of the jobs under way: starts, pauses and ends one pipeline per job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emeth_tui.backoff import Backoff
from emeth_tui.engine.context import Context
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.steps.pipeline import JobPipeline
from emeth_tui.model import JobId

Task = asyncio.Task[None]


class JobTasks:
    """Runs a pipeline for each job. `on_done` is called with every task that ends, however it ends."""

    def __init__(
        self, context: Context, leases: WorkerLeases, retry: Backoff, on_done: Callable[[Task], None]
    ) -> None:
        self._context = context
        self._leases = leases
        self._retry = retry
        self._on_done = on_done
        self._pipelines: dict[JobId, JobPipeline] = {}
        self._tasks: dict[JobId, Task] = {}

    def start(self, job_id: JobId) -> None:
        """Start a job at its current state."""
        pipeline = JobPipeline(self._context, self._leases, job_id, self._retry)
        task = asyncio.create_task(pipeline.run(), name=job_id)
        task.add_done_callback(self._on_done)
        self._pipelines[job_id], self._tasks[job_id] = pipeline, task

    def restart(self, job_id: JobId) -> None:
        """End a job's task where there is one, and start the job anew at its state."""
        self.end(job_id, then=lambda: self.start(job_id))

    def stop(self, job_id: JobId) -> None:
        """End a job's task; its files stay."""
        self.end(job_id, then=lambda: None)

    def start_if_idle(self, job_id: JobId) -> None:
        """Start a job unless its task is running."""
        if (task := self._tasks.get(job_id)) is None or task.done():
            self.start(job_id)

    def pause(self, job_id: JobId) -> None:
        """Hold a job at its next step boundary."""
        if pipeline := self._pipelines.get(job_id):
            pipeline.pause()

    def resume(self, job_id: JobId) -> None:
        """Resume a job after a pause, or after the error that stopped it."""
        if (task := self._tasks.get(job_id)) and task.done():
            self.start(job_id)
        elif pipeline := self._pipelines.get(job_id):
            pipeline.resume()

    def end(self, job_id: JobId, then: Callable[[], object]) -> None:
        """End a job's task, and call `then` once nothing is working on the job."""
        self._pipelines.pop(job_id, None)
        task = self._tasks.pop(job_id, None)
        if task is None:
            then()
            return
        task.cancel()
        task.add_done_callback(lambda _task: then())

    async def cancel(self, job_id: JobId) -> bool:
        """End a job's task and wait for it; return whether there was one."""
        self._pipelines.pop(job_id, None)
        task = self._tasks.pop(job_id, None)
        if task is None:
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    async def cancel_all(self) -> None:
        """End every task; a worker in training has written a checkpoint when this returns."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
