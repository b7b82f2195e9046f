"""Begins and ends every pause: of devices by hours and rules, of jobs by hand; acts where one is a risk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from emeth_tui.engine.context import Context
from emeth_tui.engine.pauses.guard import Risk, risk_of_pause
from emeth_tui.engine.pauses.rules import DeviceRules
from emeth_tui.engine.pauses.view import Coming, HeldDevice
from emeth_tui.engine.steps.job_tasks import JobTasks
from emeth_tui.engine.steps.set_aside import room_to_try_again
from emeth_tui.errors import EmethError, JobError
from emeth_tui.job import Job
from emeth_tui.model import Asker, JobId, JobState
from emeth_tui.notices.events import job as job_events
from emeth_tui.notices.events import schedule as events
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import TooLateToFinish
from emeth_tui.notices.reasons.pauses import by_hand as why
from emeth_tui.notices.reasons.pauses.hours import JobGoesOn
from emeth_tui.notices.reasons.screen import NothingToPause
from emeth_tui.protocol.job_ids import short
from emeth_tui.store import key_values
from emeth_tui.workers.supervisor import Worker

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
DECLINE_AGAIN_S = 60.0
_NEEDS_DEVICE = frozenset({JobState.CLAIMED, JobState.DOWNLOADING, JobState.PREPARING, JobState.TRAINING})


class Pauses:
    """The pauses of one node. `decline` gives a job back, `end_claims_pause` lets claiming go on."""

    def __init__(
        self,
        context: Context,
        tasks: JobTasks,
        rules: DeviceRules,
        *,
        decline: Callable[[JobId], Awaitable[None]],
        end_claims_pause: Callable[[], None],
    ) -> None:
        self._context = context
        self._tasks = tasks
        self._rules = rules
        self._decline = decline
        self._end_claims_pause = end_claims_pause
        self._held: dict[Worker, HeldDevice] = {}
        self._at_risk: set[JobId] = set()  # held all the same, and said so
        self._declining: dict[JobId, asyncio.Task[None]] = {}
        self._declined_at: dict[JobId, float] = {}

    # -- commands

    def pause_job(self, job: Job, until: float | None, by: Asker) -> None:
        """Hold a job at its next step boundary, across restarts, until a time or until it is resumed.

        Raise JobError when there is nothing to pause, or the pause is a risk that the owner does not take.
        """
        if job.state is JobState.SUBMITTED or job.seen_end is not None:
            raise JobError(NothingToPause())
        if job.paused and job.paused_until_unix_s == until:
            return
        self._check_risk(job, until)
        self._context.book.update(job.job_id, paused=True, paused_until_unix_s=until)
        self._tasks.pause(job.job_id)
        if until is None:
            body: job_events.JobPaused | job_events.JobPausedUntil = job_events.JobPaused(by)
        else:
            body = job_events.JobPausedUntil(by, round(until), self._context.schedule.local(until))
        self._context.events.publish(body, job_id=job.job_id)

    def resume_job(self, job: Job, by: Asker | None) -> None:
        """Let a held job go on; one that was set aside is tried once more.

        Raise JobError when there is no room for that, as for a claim.
        """
        if not job.paused and job.error is None:
            return
        reserved_bytes = job.reserved_bytes
        if job.is_set_aside and job.seen_end is None:
            reserved_bytes = room_to_try_again(self._context, job)
        self._context.book.update(
            job.job_id, paused=False, paused_until_unix_s=None, error=None, reserved_bytes=reserved_bytes
        )
        self._at_risk.discard(job.job_id)
        if job.state is not JobState.SUBMITTED and job.seen_end is None:
            self._tasks.resume(job.job_id)
        self._context.events.publish(job_events.JobResumed(by), job_id=job.job_id)

    def _check_risk(self, job: Job, until: float | None) -> None:
        risk = self._risk_by_hand(job, until)
        choice = self._context.settings.schedule.job_at_risk
        if risk is None or choice == "hold":
            return
        if choice == "finish":
            raise JobError(why.PauseTooRisky(short(job.job_id), risk.needed_s, risk.deadline_s))
        self._give_back(job, risk)
        raise JobError(why.GivenBackInstead(short(job.job_id), risk.needed_s, risk.deadline_s))

    # -- what happens by itself

    async def look(self) -> None:
        """Begin and end what is due."""
        now = self._context.clock.now_unix_s()
        self._end_timed_pauses(now)
        self._hold_devices(now)
        for job in self._context.book.training_jobs():
            if not (job.paused and isinstance(job.error, TooLateToFinish)):  # late with or without a pause
                self._guard(job)
        self._rest_or_work()

    @property
    def held(self) -> tuple[HeldDevice, ...]:
        """The devices that are held now."""
        return tuple(
            replace(held, finishing=self._finishing_on(worker)) for worker, held in self._held.items()
        )

    def coming(self) -> tuple[Coming, ...]:
        """Return what comes next, the soonest first."""
        schedule = self._context.schedule
        changes = schedule.coming(worker.device for worker in self._context.leases.workers)
        for job in self._context.book.training_jobs():
            if job.paused and (until := job.paused_until_unix_s) is not None:
                changes.append(Coming(until, JobGoesOn(short(job.job_id), schedule.local(until))))
        return tuple(sorted(changes, key=lambda change: change.at_unix_s))

    def _end_timed_pauses(self, now: float) -> None:
        paused = self._context.store.key_values.get_reason(key_values.CLAIMS_PAUSED)
        if isinstance(paused, why.PausedUntil) and paused.until_unix_s <= now:
            self._end_claims_pause()
        for job in self._context.book.open_jobs():
            if job.paused and job.paused_until_unix_s is not None and job.paused_until_unix_s <= now:
                self._end_timed_pause(job)

    def _end_timed_pause(self, job: Job) -> None:
        try:
            self.resume_job(job, None)
        except JobError as error:  # the pause ends all the same
            logger.warning("job %s stays set aside: %s", job.job_id, error)
            self._context.book.update(job.job_id, paused=False, paused_until_unix_s=None)

    def _hold_devices(self, now: float) -> None:
        leases, schedule = self._context.leases, self._context.schedule
        for worker in [worker for worker in self._held if worker not in leases.workers]:
            del self._held[worker]
            leases.let_go(worker)
        self._rules.look([worker.device for worker in leases.workers if not worker.host], now)
        for worker in leases.workers:
            by_rule = self._rules.why_held(worker.device)
            reason = schedule.why_held(worker.device) or by_rule
            if reason is not None:
                self._hold(worker, reason, now, without_end=by_rule is not None)
            elif worker in self._held:
                self._let_go(worker)

    def _hold(self, worker: Worker, reason: Reason, now: float, *, without_end: bool) -> None:
        self._context.leases.hold(worker, without_end=without_end)
        before = self._held.get(worker)
        if before is None or type(before.reason) is not type(reason):
            self._context.events.publish(events.DeviceHeld(worker.device, reason))
        self._held[worker] = HeldDevice(worker.index, reason, before.since_unix_s if before else now)

    def _finishing_on(self, worker: Worker) -> JobId | None:
        job_id = self._context.leases.job_on(worker)
        return job_id if job_id is not None and self._context.leases.is_exempt(job_id) else None

    def _let_go(self, worker: Worker) -> None:
        leases = self._context.leases
        del self._held[worker]
        leases.let_go(worker)
        self._context.events.publish(events.DeviceLetGo(worker.device))
        job_id = leases.job_on(worker)
        if job_id is not None and not self._is_paused(job_id):
            worker.resume()

    def _rest_or_work(self) -> None:
        """Have each held device rest, but for a job that is finished first. A request is made again each
        time: a worker that was about to begin when its hours ended did not hear the first."""
        leases = self._context.leases
        for worker in self._held:
            job_id = leases.job_on(worker)
            if job_id is None:
                continue
            if leases.must_rest(leases.part_on(worker) or job_id):
                worker.pause()
            elif not self._is_paused(job_id):
                worker.resume()

    def _is_paused(self, job_id: JobId) -> bool:
        return job_id in self._context.book and self._context.book.get(job_id).paused

    # -- deadlines

    def _guard(self, job: Job) -> None:
        """Act on a job that a pause puts at risk, however it came about."""
        risk = self._risk_by_hand(job, job.paused_until_unix_s) if job.paused else self._risk_by_rule(job)
        if risk is None:
            return
        choice = self._context.settings.schedule.job_at_risk
        if choice == "finish":
            self._finish_first(job, risk)
        elif choice == "decline":
            self._give_back(job, risk)
        elif job.job_id not in self._at_risk:
            self._at_risk.add(job.job_id)
            self._publish_costs(events.PausedAtRisk, job, risk)

    def _risk_by_hand(self, job: Job, until: float | None) -> Risk | None:
        """Return the risk of a pause until a time; one with an open end is none before it has lasted long."""
        resumes = self._context.clock.now_unix_s() if until is None else until
        return risk_of_pause(self._context, job, self._context.forecasts.left(job, resumes_unix_s=resumes))

    def _risk_by_rule(self, job: Job) -> Risk | None:
        leases = self._context.leases
        if leases.is_exempt(job.job_id) or not self._held or job.state not in _NEEDS_DEVICE:
            return None
        worker = leases.place_of(job.job_id)
        if worker is not None and worker not in self._held:
            return None
        if worker is None and any(other not in self._held for other in leases.usable):
            return None  # it waits for a device, and not for its hours
        return risk_of_pause(self._context, job, self._context.forecasts.left(job))

    def _finish_first(self, job: Job, risk: Risk) -> None:
        finishes = events.FinishesFirst(risk.needed_s, risk.deadline_s)
        self._context.events.publish(finishes, job_id=job.job_id)
        if job.paused:
            self.resume_job(job, None)
        else:
            self._context.leases.exempt(job.job_id)

    def _give_back(self, job: Job, risk: Risk) -> None:
        """Decline a job before more is spent on it; what that costs does not change until its deadline."""
        now = asyncio.get_running_loop().time()
        if now - self._declined_at.get(job.job_id, -DECLINE_AGAIN_S) < DECLINE_AGAIN_S:
            return
        if job.job_id not in self._declined_at:
            self._publish_costs(events.GivenBackBeforePause, job, risk)
        self._declined_at[job.job_id] = now
        task = asyncio.create_task(self._declined(job.job_id), name=f"decline {job.job_id}")
        self._declining[job.job_id] = task

    async def _declined(self, job_id: JobId) -> None:
        try:
            await self._decline(job_id)
        except EmethError as error:  # it is tried again while the job is at risk
            logger.warning("job %s could not be given back: %s", job_id, error)
        finally:
            self._declining.pop(job_id, None)

    def _publish_costs(
        self, kind: type[events.GivenBackBeforePause | events.PausedAtRisk], job: Job, risk: Risk
    ) -> None:
        costs = self._context.rates.giving_up_costs_wei(job.deposit_wei)
        self._context.events.publish(kind(risk.needed_s, risk.deadline_s, *costs), job_id=job.job_id)
