"""Which worker has which job: each job has one of its own, from its claim on where one was kept for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from emeth_tui.model import JobId
from emeth_tui.workers.supervisor import Worker

Choose = Callable[[Sequence[Worker]], Worker]


def first(workers: Sequence[Worker]) -> Worker:
    """Choose the first: any will do."""
    return workers[0]


class WorkerLeases:
    """Lends workers to jobs, each to one at a time; jobs that wait are served in the order of asking."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = list(workers)
        self._places: dict[JobId, Worker] = {}  # kept for a job, or lent to it
        self._lent: set[JobId] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers there are now, unusable ones included."""
        return tuple(self._workers)

    @property
    def usable(self) -> list[Worker]:
        """The workers whose devices work, taken or not."""
        return [worker for worker in self._workers if worker.usable]

    @property
    def free(self) -> list[Worker]:
        """The usable workers that no job has or will have."""
        taken = list(self._places.values())
        return [worker for worker in self.usable if worker not in taken]

    def add(self, worker: Worker) -> None:
        """Lend this worker, too."""
        self._workers.append(worker)
        self.worker_is_usable()

    def remove(self, worker: Worker) -> JobId | None:
        """Lend this worker no more; return the job that works on it, if any, which has to go elsewhere."""
        self._workers.remove(worker)
        for job_id in [job_id for job_id, taken in self._places.items() if taken is worker]:
            if job_id in self._lent:
                return job_id
            self.release(job_id)
        return None

    def worker_is_usable(self) -> None:
        """Give a worker that can be used again to the job that has waited longest."""
        if self.free:
            self._wake_next()

    def keep(self, job_id: JobId, worker: Worker) -> None:
        """Keep a free worker for a job, until `release`."""
        if worker in self.free:
            self._places[job_id] = worker

    def release(self, job_id: JobId) -> None:
        """Keep no worker for a job; one that it works on stays with it until it is done."""
        if job_id not in self._lent and self._places.pop(job_id, None) is not None:
            self._wake_next()

    @asynccontextmanager
    async def lend(self, job_id: JobId, choose: Choose = first) -> AsyncIterator[Worker]:
        """Give a job the worker that was kept for it, or else choose a free one, waiting for it."""
        if (kept := self._places.get(job_id)) and not kept.usable:
            self.release(job_id)
        while job_id not in self._places:
            if free := self.free:
                self._places[job_id] = choose(free)
            else:
                await self._wait()
        self._lent.add(job_id)
        try:
            yield self._places[job_id]
        finally:
            self._lent.discard(job_id)
            self.release(job_id)

    def place_of(self, job_id: JobId) -> Worker | None:
        """Return the worker that a job has or will have."""
        return self._places.get(job_id)

    def of_job(self, job_id: JobId) -> Worker | None:
        """Return the worker that a job has at this moment."""
        return self._places[job_id] if job_id in self._lent else None

    async def _wait(self) -> None:
        """Wait until a worker is free."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled():
                self._wake_next()  # the turn came, and nobody is here to take it
            raise

    def _wake_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
