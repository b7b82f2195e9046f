"""Jobs that turn out slower than they were taken for: told once, while something can still be done."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.model import Job, JobId, Severity


class Lateness:
    """Holds each job under way against its deadline and the safety margin before it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._suspects: set[JobId] = set()  # late at the last look: one odd moment is no news
        self._told: set[JobId] = set()

    def look(self) -> None:
        """Warn of each job that is expected to end within the margin, or later still, two looks in a row."""
        late = {
            job.job_id: job
            for job in self._context.book.training_jobs()
            if job.state.holds_deposit and self._is_late(job)
        }
        for job_id in (late.keys() & self._suspects) - self._told:
            self._told.add(job_id)
            self._tell(late[job_id])
        self._suspects = set(late)

    def _is_late(self, job: Job) -> bool:
        left = self._context.forecasts.left(job)
        return left.measured and left.expected_s > self._deadline_s(job) - self._margin_s(job)

    def _deadline_s(self, job: Job) -> float:
        return job.deadline_unix_s - self._context.clock.now_unix_s()

    def _margin_s(self, job: Job) -> int:
        return self._context.rules_for(job).safety_margin_s

    def _tell(self, job: Job) -> None:
        left, deadline_s = self._context.forecasts.left(job), self._deadline_s(job)
        late = (
            "miss its deadline" if left.expected_s > deadline_s else "end within the safety margin before it"
        )
        self._context.events.publish(
            "running_late",
            f"slower than it was taken for: {left.low_s:,.0f} to {left.high_s:,.0f} s are left to do, "
            f"{max(0.0, deadline_s):,.0f} s to the deadline: it is expected to {late}",
            severity=Severity.WARNING,
            job_id=job.job_id,
            low_s=round(left.low_s),
            high_s=round(left.high_s),
            deadline_s=round(deadline_s),
        )
