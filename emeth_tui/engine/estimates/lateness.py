"""Jobs that are slower than expected: one warning, while something can still be done."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import rules_for
from emeth_tui.job import Job
from emeth_tui.model import JobId
from emeth_tui.notices.events.job import RunningLate


class Lateness:
    """Checks each job under way against its deadline less the safety margin."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._suspects: set[JobId] = set()  # late at the last check: a single bad reading is not reported
        self._warned: set[JobId] = set()

    def look(self) -> None:
        """Warn of each job that is expected to end within the margin or later, at two checks in a row."""
        late = {
            job.job_id: job
            for job in self._context.book.training_jobs()
            if job.state.holds_deposit and self._is_late(job)
        }
        for job_id in (late.keys() & self._suspects) - self._warned:
            self._warned.add(job_id)
            self._warn(late[job_id])
        self._suspects = set(late)

    def _is_late(self, job: Job) -> bool:
        left = self._context.forecasts.left(job)
        return left.measured and left.expected_s > self._deadline_s(job) - self._margin_s(job)

    def _deadline_s(self, job: Job) -> float:
        return job.deadline_unix_s - self._context.clock.now_unix_s()

    def _margin_s(self, job: Job) -> int:
        return rules_for(self._context, job).safety_margin_s

    def _warn(self, job: Job) -> None:
        left, deadline_s = self._context.forecasts.left(job), self._deadline_s(job)
        late = RunningLate(round(left.low_s), round(left.high_s), round(deadline_s))
        self._context.events.publish(late, job_id=job.job_id)
