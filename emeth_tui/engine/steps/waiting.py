"""Jobs that no worker trains: each is set aside once none can make its deadline any more."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.steps.job_tasks import JobTasks
from emeth_tui.engine.steps.set_aside import set_aside
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, WorkerPhase
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import HostNotBackInTime, NoWorkerInTime

_NEEDS_WORKER = frozenset({JobState.PREPARING, JobState.TRAINING})


class WaitingJobs:
    """Looks at the jobs whose host is away and that no other worker takes, and at those without a worker."""

    def __init__(self, context: Context, leases: WorkerLeases, tasks: JobTasks) -> None:
        self._context = context
        self._leases = leases
        self._tasks = tasks
        self._suspects: set[JobId] = set()  # hopeless at the last look: a single bad reading ends no job

    async def look(self) -> None:
        """Set aside each job that is hopeless at two looks in a row."""
        hopeless = {
            job.job_id: reason
            for job in self._context.book.training_jobs()
            if (reason := self._hopeless(job)) is not None
        }
        for job_id in hopeless.keys() & self._suspects:
            await self._give_up(job_id, hopeless[job_id])
        self._suspects = set(hopeless)

    async def _give_up(self, job_id: JobId, reason: Reason) -> None:
        await self._tasks.cancel(job_id)
        if job_id not in self._context.book:
            return
        if self._context.book.get(job_id).state in _NEEDS_WORKER:
            set_aside(self._context, job_id, reason)
        else:  # it went on in the meantime
            self._tasks.start(job_id)

    def _hopeless(self, job: Job) -> Reason | None:
        """Return why a job that waits cannot make its deadline, None while it can or does not wait."""
        if job.state not in _NEEDS_WORKER or job.paused:
            return None
        members = self._leases.members_of(job.job_id)
        at_work = any(worker.view.phase is not WorkerPhase.AWAY for worker in members)
        if at_work or self._may_begin(job):
            return None
        # What is away may be trained to its end there: then only its result has to come.
        left = self._context.forecasts.delivery(job) if members else self._context.forecasts.left(job)
        least_s = left.low_s if left.measured else 0.0
        if self._context.deadline_left_s(job) >= least_s:
            return None
        return HostNotBackInTime(members[0].host) if members else NoWorkerInTime()

    def _may_begin(self, job: Job) -> bool:
        """Whether a worker is reserved for a job, or one that is free can take it."""
        place = self._leases.place_of(job.job_id)
        is_reserved = place is not None and place.usable
        return is_reserved or bool(self._context.forecasts.able(self._leases.free, Task.of(job)))
