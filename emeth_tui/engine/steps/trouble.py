"""A job's trouble, reported once while it stays the same; a result that is held back, again and again."""

from __future__ import annotations

import contextlib

from emeth_tui.engine.context import Context
from emeth_tui.errors import DiskFull, StoreError
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import JobTrouble, SubmissionHeld
from emeth_tui.notices.notice import Reason, alike
from emeth_tui.notices.reasons.network.transactions import GasTooDear, OverFeeLimit

AGAIN_S = 900.0  # a submission that the owner's limits hold back costs a deposit in the end


class TroubleReports:
    """Publishes the transient errors of one job."""

    def __init__(self, context: Context, job_id: JobId) -> None:
        self._context = context
        self._job_id = job_id
        self._last: Reason | None = None
        self._reported_s = 0.0  # monotonic

    def clear(self) -> None:
        """Note that the job goes on."""
        self._last = None

    def report(self, reason: Reason) -> None:
        """Report an error once, however often it recurs and whatever its numbers are."""
        if self._job_id not in self._context.book:
            return
        job, now_s = self._context.book.get(self._job_id), self._context.clock.monotonic_s()
        is_held = job.state is JobState.SUBMITTING and isinstance(reason, (GasTooDear, OverFeeLimit))
        is_due = is_held and now_s - self._reported_s >= AGAIN_S
        if alike(reason, self._last) and not is_due:
            return
        self._last, self._reported_s = reason, now_s
        body: JobTrouble | SubmissionHeld = JobTrouble(reason)
        if is_held:
            cost_wei = self._context.rates.timeout_penalty_wei(job.deposit_wei)
            body = SubmissionHeld(reason, round(self._context.deadline_left_s(job)), cost_wei)
        self._context.events.publish(body, job_id=self._job_id)
        self.record(reason)

    def record(self, reason: Reason) -> Job:
        """Record why the job has stopped, where the store takes it; one that is set aside remains so."""
        job = self._context.book.get(self._job_id)
        if not job.is_set_aside:
            with contextlib.suppress(DiskFull, StoreError):  # it may be the very error
                job = self._context.book.update(self._job_id, error=reason)
        return job
