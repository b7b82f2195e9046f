"""Which worker trains which job: one worker per job, reserved from its claim on where possible.

The parts of a job that is shared out have a worker each, under their own names (`Job.part_ids`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from emeth_tui.model import JobId
from emeth_tui.workers.supervisor import Worker

Choose = Callable[[Sequence[Worker]], Worker | None]  # None: rather wait for another
Returns = Callable[[Worker], bool]
CallRoll = Callable[[Sequence[Worker]], Awaitable[None]]


def first(workers: Sequence[Worker]) -> Worker:
    """Return the first worker: any will do."""
    return workers[0]


def never(_worker: Worker) -> bool:
    """Take no worker that is drained."""
    return False


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
        self._held_without_end: list[Worker] = []  # of those: nobody knows when they are let go
        self._drained: dict[Worker, bool] = {}  # and whether a job that was there may come back
        self._exempt: set[JobId] = set()  # jobs that are finished first, whoever is held
        self._waiting: deque[asyncio.Event] = deque()
        self._jobs_of_parts: dict[JobId, JobId] = {}

    @property
    def workers(self) -> tuple[Worker, ...]:
        """All workers, unusable ones included."""
        return tuple(self._workers)

    @property
    def usable(self) -> list[Worker]:
        """The workers whose devices work and that are not drained, busy or not."""
        return [worker for worker in self._workers if worker.usable and worker not in self._drained]

    @property
    def free(self) -> list[Worker]:
        """The usable workers that are neither lent, reserved nor held."""
        return [worker for worker in self._untaken if worker not in self._held]

    @property
    def resting(self) -> list[Worker]:
        """The usable workers that would be free if they were not held, and will be at a known time."""
        return [
            worker
            for worker in self._untaken
            if worker in self._held and worker not in self._held_without_end
        ]

    @property
    def out_of_reach(self) -> list[Worker]:
        """The usable workers that would be free if they were not held, nobody knows for how long."""
        return [worker for worker in self._untaken if worker in self._held_without_end]

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
        self.look_again()

    def remove(self, worker: Worker) -> JobId | None:
        """Stop lending a worker; return the job it is training, if any, which has to move to another."""
        self._workers.remove(worker)
        self._drained.pop(worker, None)
        for job_id in [job_id for job_id, taken in self._places.items() if taken is worker]:
            if job_id in self._lent:
                return self._job_of(job_id)
            self.release(job_id)
        return None

    def drain(self, worker: Worker, *, for_good: bool = False) -> None:
        """Give a worker no new jobs until `undrain`. What it has or is reserved for stays with it.

        A job that it had comes back after a failure or a restart, unless this is `for_good`.
        """
        self._drained[worker] = not for_good

    def undrain(self, worker: Worker) -> None:
        """Give a worker new jobs again."""
        if self._drained.pop(worker, None) is not None:
            self.look_again()

    def hold(self, worker: Worker, *, without_end: bool = False) -> None:
        """Lend a worker to nobody until `let_go`, but to jobs that are exempt; a job that has it keeps it.

        No job is taken for one that is held `without_end`.
        """
        if worker not in self._held:
            self._held.append(worker)
        self._held_without_end = [one for one in self._held_without_end if one is not worker]
        if without_end:
            self._held_without_end.append(worker)

    def let_go(self, worker: Worker) -> None:
        """Lend a held worker again."""
        self._held.remove(worker)
        self._held_without_end = [one for one in self._held_without_end if one is not worker]
        job_id = self.job_on(worker)
        self._exempt = self._exempt - {job_id} if self._held else set()
        self.look_again()

    def exempt(self, job_id: JobId) -> None:
        """Let a job train also on a worker that is held, until that is let go."""
        self._exempt.add(job_id)
        self.look_again()

    def is_exempt(self, job_id: JobId) -> bool:
        return job_id in self._exempt

    def must_rest(self, job_id: JobId) -> bool:
        """Whether the training of a job, or of a part of one, waits because its worker is held."""
        return self._job_of(job_id) not in self._exempt and self._places.get(job_id) in self._held

    def job_on(self, worker: Worker) -> JobId | None:
        """Return the job that a worker is lent to now, for the whole or for a part of it."""
        part = self.part_on(worker)
        return None if part is None else self._job_of(part)

    def part_on(self, worker: Worker) -> JobId | None:
        """Return the job that a worker is lent to now, or the part of one."""
        return next((job_id for job_id in self._lent if self._places[job_id] is worker), None)

    def placed_on(self, worker: Worker) -> list[JobId]:
        """Return the jobs, or parts of jobs, that a worker is lent to or reserved for."""
        return [job_id for job_id, taken in self._places.items() if taken is worker]

    def members_of(self, job_id: JobId) -> list[Worker]:
        """Return the workers that are lent to a job or to parts of it now."""
        return [self._places[part] for part in sorted(self._lent) if self._job_of(part) == job_id]

    def _job_of(self, part: JobId) -> JobId:
        return self._jobs_of_parts.get(part, part)

    def look_again(self) -> None:
        """Wake every waiting job, the longest-waiting first: each sees for itself what there is for it."""
        for woken in self._waiting:
            woken.set()

    def keep(self, job_id: JobId, worker: Worker) -> None:
        """Reserve a worker for a job, until `release`: a free one, or one that is when its hours begin."""
        if worker in self._untaken:
            self._places[job_id] = worker

    def release(self, job_id: JobId) -> None:
        """Drop a job's reservation; a worker that is lent to it stays with it until the job is done."""
        if job_id not in self._lent and self._places.pop(job_id, None) is not None:
            self.look_again()

    @asynccontextmanager
    async def lend(
        self,
        job_id: JobId,
        choose: Choose = first,
        *,
        part_of: JobId | None = None,
        returns_to: Returns = never,
    ) -> AsyncIterator[Worker]:
        """Lend a job the worker reserved for it, or else a free one, waiting until there is one.

        Who waits for a held worker has it reserved, and leaves it for a free one where that is the choice.
        `job_id` may be a part of a job. `returns_to` says to which workers it may come back that are drained.
        """
        if part_of is not None:
            self._jobs_of_parts[job_id] = part_of
        try:
            worker = await self._worker_for(job_id, choose, returns_to)
            self._lent.add(job_id)
            yield worker
        finally:
            self._lent.discard(job_id)
            self.release(job_id)
            self._jobs_of_parts.pop(job_id, None)

    def place_of(self, job_id: JobId) -> Worker | None:
        """Return the worker lent to a job or reserved for it."""
        return self._places.get(job_id)

    def of_job(self, job_id: JobId) -> Worker | None:
        """Return the worker lent to a job now; of one that is shared out, that of its first part."""
        return self._places[job_id] if job_id in self._lent else None

    async def _worker_for(self, job_id: JobId, choose: Choose, returns_to: Returns) -> Worker:
        """Give a job its place, waiting until it may work there."""
        woken = asyncio.Event()
        self._waiting.append(woken)
        try:
            while (worker := self._place(job_id, choose, returns_to)) is None or self.must_rest(job_id):
                woken.clear()
                await woken.wait()
        finally:
            self._waiting.remove(woken)
        return worker

    def _place(self, job_id: JobId, choose: Choose, returns_to: Returns) -> Worker | None:
        """Move a job to the best worker that it can have, and return it; a held one only reserves it."""
        kept = self._places.get(job_id)
        if kept is not None and not kept.usable:
            self.release(job_id)
            kept = None
        if kept is not None and kept not in self._held:
            return kept
        if kept is not None:
            options = [*self.free, kept]
        else:
            options = self.free or self.resting or self.out_of_reach or self._kept_while_held_for(job_id)
        options = [*options, *self._drained_for(returns_to)]
        worker = choose(options) if options else None
        if worker is not None and worker is not kept:
            self._move(job_id, worker)
        return worker

    def _drained_for(self, returns_to: Returns) -> list[Worker]:
        """Return the drained workers without a job that one may come back to."""
        taken, held = list(self._places.values()), self._held
        free = [worker for worker in self._drained if worker.usable and worker not in [*taken, *held]]
        return [worker for worker in free if self._drained[worker] and returns_to(worker)]

    def _kept_while_held_for(self, job_id: JobId) -> list[Worker]:
        """Return what an exempt job may take from jobs that wait for hours: they do not work there now."""
        if job_id not in self._exempt:
            return []
        idle = [worker for other, worker in self._places.items() if other not in self._lent | self._exempt]
        return [worker for worker in idle if worker.usable and worker in self._held]

    def _move(self, job_id: JobId, worker: Worker) -> None:
        """Reserve a worker for a job and for no other, and give up what was reserved for it before."""
        for other in [other for other, taken in self._places.items() if taken is worker]:
            del self._places[other]
        self.release(job_id)
        self._places[job_id] = worker
