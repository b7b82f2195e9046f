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
Then = Callable[[JobId], object]


class JobTasks:
    """Runs a pipeline for each job. `on_done` is called with every task that ends, however it ends.

    A task that is to end may write a checkpoint first. What follows waits for that, and the last word counts.
    """

    def __init__(
        self, context: Context, leases: WorkerLeases, retry: Backoff, on_done: Callable[[Task], None]
    ) -> None:
        self._context = context
        self._leases = leases
        self._retry = retry
        self._on_done = on_done
        self._pipelines: dict[JobId, JobPipeline] = {}
        self._tasks: dict[JobId, Task] = {}
        self._ending: dict[JobId, Task] = {}  # cancelled, and perhaps still saving
        self._then: dict[JobId, Then] = {}  # what to do when it has ended
        self._closed = False

    def start(self, job_id: JobId) -> None:
        """Start a job at its current state, unless its task is running; one that is ending is waited for."""
        task = self._tasks.get(job_id)
        is_running = task is not None and not task.done()
        # A job may have ended while its task did.
        if is_running or self._closed or job_id not in self._context.book:
            return
        if job_id in self._ending:
            self._then[job_id] = self.start
            return
        pipeline = JobPipeline(self._context, self._leases, job_id, self._retry)
        task = asyncio.create_task(pipeline.run(), name=job_id)
        task.add_done_callback(self._on_done)
        self._pipelines[job_id], self._tasks[job_id] = pipeline, task

    def restart(self, job_id: JobId) -> None:
        """End a job's task where there is one, and start the job anew at its state."""
        self.end(job_id, then=self.start)

    def stop(self, job_id: JobId) -> None:
        """End a job's task; its files stay."""
        self.end(job_id, then=_nothing)

    def pause(self, job_id: JobId) -> None:
        """Hold a job at its next step boundary."""
        if pipeline := self._pipelines.get(job_id):
            pipeline.pause()

    def resume(self, job_id: JobId) -> None:
        """Resume a job after a pause, or after the error that stopped it, be it before a restart."""
        if job_id in self._ending:
            return  # whoever ends its task has said what follows
        if (task := self._tasks.get(job_id)) is None or task.done():
            self.start(job_id)
        else:
            self._pipelines[job_id].resume()

    def end(self, job_id: JobId, then: Then) -> None:
        """End a job's task, and call `then` once nothing works on the job, or what a later word says."""
        self._pipelines.pop(job_id, None)
        task = self._tasks.pop(job_id, None)
        if task is not None and not task.done():
            task.cancel()  # only once: a second time would break off the saving
            task.add_done_callback(lambda _task: self._has_ended(job_id))
            self._ending[job_id] = task
        if job_id in self._ending:
            self._then[job_id] = then
        else:
            then(job_id)

    def _has_ended(self, job_id: JobId) -> None:
        del self._ending[job_id]
        self._then.pop(job_id)(job_id)

    async def cancel(self, job_id: JobId) -> bool:
        """End a job's task and wait for it; return whether there was one, or was to be one."""
        had_task = job_id in self._tasks or self._is_to_start(job_id)
        if had_task:
            self.stop(job_id)
        if ending := self._ending.get(job_id):
            await asyncio.wait([ending])
        return had_task

    async def cancel_all(self) -> None:
        """End every task, and start no other; a worker in training has written a checkpoint then."""
        self._closed = True
        for job_id in [*self._tasks, *filter(self._is_to_start, self._ending)]:
            self.stop(job_id)
        if self._ending:
            await asyncio.wait(self._ending.values())

    def _is_to_start(self, job_id: JobId) -> bool:
        return self._then.get(job_id) == self.start


def _nothing(_job_id: JobId) -> None:
    """Leave a job as it is."""
