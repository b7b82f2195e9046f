"""Which worker trains which job: one worker per job, reserved from its claim on where possible."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from emeth_tui.model import JobId
from emeth_tui.workers.supervisor import Worker

Choose = Callable[[Sequence[Worker]], Worker]
CallRoll = Callable[[Sequence[Worker]], Awaitable[None]]


def first(workers: Sequence[Worker]) -> Worker:
    """Return the first worker: any will do."""
    return workers[0]


async def taken_for_present(_workers: Sequence[Worker]) -> None:
    """Call nobody."""


class WorkerLeases:
    """Lends each worker to one job at a time; waiting jobs are served first come, first served."""

    def __init__(self, workers: Sequence[Worker], call_roll: CallRoll = taken_for_present) -> None:
        """`call_roll` makes those of some workers unusable that do not answer."""
        self._workers = list(workers)
        self._call_roll = call_roll
        self._places: dict[JobId, Worker] = {}  # reserved for a job, or lent to it
        self._lent: set[JobId] = set()
        self._held: list[Worker] = []
        self._exempt: set[JobId] = set()  # jobs that are finished first, whoever is held
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """All workers, unusable ones included."""
        return tuple(self._workers)

    @property
    def usable(self) -> list[Worker]:
        """The workers whose devices work, busy or not."""
        return [worker for worker in self._workers if worker.usable]

    @property
    def free(self) -> list[Worker]:
        """The usable workers that are neither lent, reserved nor held."""
        return [worker for worker in self._untaken if worker not in self._held]

    @property
    def resting(self) -> list[Worker]:
        """The usable workers that would be free if they were not held."""
        return [worker for worker in self._untaken if worker in self._held]

    @property
    def _untaken(self) -> list[Worker]:
        taken = list(self._places.values())
        return [worker for worker in self.usable if worker not in taken]

    async def call_roll(self) -> None:
        """Have the workers answer that are not at work; one that does not is no longer usable."""
        await self._call_roll(self.usable)

    def add(self, worker: Worker) -> None:
        """Add a worker to those that are lent."""
        self._workers.append(worker)
        self.worker_is_usable()

    def remove(self, worker: Worker) -> JobId | None:
        """Stop lending a worker; return the job it is training, if any, which has to move to another."""
        self._workers.remove(worker)
        for job_id in [job_id for job_id, taken in self._places.items() if taken is worker]:
            if job_id in self._lent:
                return job_id
            self.release(job_id)
        return None

    def hold(self, worker: Worker) -> None:
        """Lend a worker to nobody until `let_go`, but to jobs that are exempt; a job that has it keeps it."""
        if worker not in self._held:
            self._held.append(worker)

    def let_go(self, worker: Worker) -> None:
        """Lend a held worker again."""
        self._held.remove(worker)
        job_id = self.job_on(worker)
        self._exempt = self._exempt - {job_id} if self._held else set()
        self.worker_is_usable()

    def exempt(self, job_id: JobId) -> None:
        """Let a job train also on a worker that is held, until that is let go."""
        self._exempt.add(job_id)
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:  # each sees for itself whether there is a worker for it
            if not turn.done():
                turn.set_result(None)

    def is_exempt(self, job_id: JobId) -> bool:
        return job_id in self._exempt

    def must_rest(self, job_id: JobId) -> bool:
        """Whether a job's training waits because its worker is held."""
        return job_id not in self._exempt and self._places.get(job_id) in self._held

    def job_on(self, worker: Worker) -> JobId | None:
        """Return the job that a worker is lent to now."""
        return next((job_id for job_id in self._lent if self._places[job_id] is worker), None)

    def worker_is_usable(self) -> None:
        """Wake the longest-waiting job, because a worker is usable again."""
        if self.free:
            self._wake_next()

    def keep(self, job_id: JobId, worker: Worker) -> None:
        """Reserve a free worker for a job, until `release`."""
        if worker in self.free:
            self._places[job_id] = worker

    def release(self, job_id: JobId) -> None:
        """Drop a job's reservation; a worker that is lent to it stays with it until the job is done."""
        if job_id not in self._lent and self._places.pop(job_id, None) is not None:
            self._wake_next()

    @asynccontextmanager
    async def lend(self, job_id: JobId, choose: Choose = first) -> AsyncIterator[Worker]:
        """Lend a job the worker reserved for it, or else a free one, waiting until there is one."""
        if (kept := self._places.get(job_id)) and (not kept.usable or self.must_rest(job_id)):
            self.release(job_id)
        while job_id not in self._places:
            if free := self.free or (self.resting if job_id in self._exempt else []):
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
        """Return the worker lent to a job or reserved for it."""
        return self._places.get(job_id)

    def of_job(self, job_id: JobId) -> Worker | None:
        """Return the worker lent to a job now."""
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
                self._wake_next()  # this job's turn came after it was cancelled: pass it on
            raise

    def _wake_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
