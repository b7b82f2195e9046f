"""The jobs under way, in memory and in the store: every change goes through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emeth_tui.errors import InvalidTransition
from emeth_tui.job import Job
from emeth_tui.model import SECONDS_PER_DAY, TRANSITIONS, JobId, JobState
from emeth_tui.notices.reasons.job import TransitionNotAllowed
from emeth_tui.store.jobs import JobTable


def check_transition(current: JobState, new: JobState) -> None:
    """Raise InvalidTransition unless the table lets a job go from `current` to `new`."""
    if new not in TRANSITIONS[current]:
        raise InvalidTransition(TransitionNotAllowed(current, new))


class JobBook:
    """The jobs that have not ended. Changes are durable before they are visible."""

    def __init__(self, table: JobTable, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now
        open_states = [state for state in JobState if not state.is_final]
        self._jobs = {job.job_id: job for job in table.in_states(open_states)}
        self._day = now() // SECONDS_PER_DAY
        self._ended_today = table.ended_since(self._day * SECONDS_PER_DAY)

    def open_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, oldest first."""
        return list(self._jobs.values())

    def training_jobs(self) -> list[Job]:
        """Return the jobs that have or need a worker: open, not submitted, not seen to have ended, with a
        dataset that can be trained on, and not held because they may be another node's.
        """
        return [
            job
            for job in self._jobs.values()
            if job.state is not JobState.SUBMITTED
            and job.seen_end is None
            and not job.is_set_aside
            and not job.is_left_alone
        ]

    def ended_today(self) -> tuple[Job, ...]:
        """Return the jobs that ended since 00:00 UTC, oldest first."""
        day = self._now() // SECONDS_PER_DAY
        if day != self._day:  # it has begun, or a clock was wrong: the store forgets nothing
            self._day, self._ended_today = day, self._table.ended_since(day * SECONDS_PER_DAY)
        return tuple(self._ended_today)

    def locked_wei(self) -> int:
        """Return the sum of our deposits that the contract holds."""
        return sum(
            job.deposit_wei for job in self._jobs.values() if job.state.holds_deposit and job.seen_end is None
        )

    def get(self, job_id: JobId) -> Job:
        """Return an open job. Raise KeyError when it has ended or was never ours."""
        return self._jobs[job_id]

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def known(self, job_id: JobId) -> Job | None:
        """Return any job that was ever ours, None for others."""
        return self._jobs.get(job_id) or self._table.get(job_id)

    def has_ended(self, job_id: JobId) -> bool:
        """Whether a job was ours and is over."""
        job = self.known(job_id)
        return job is not None and job.state.is_final

    def add(self, job: Job) -> None:
        """Add a new job, or one that was given up; its state is durable before the claim is sent."""
        self._table.save(job, at_unix_s=self._now(), state_changed=True)
        self._take_up(job)

    def update(self, job_id: JobId, **changes: Any) -> Job:
        """Change a job's fields other than its state."""
        job = replace(self._jobs[job_id], **changes)
        self._table.save(job, at_unix_s=self._now(), state_changed=False)
        self._jobs[job_id] = job
        return job

    def note_energy(self, job_id: JobId, energy_mj: int) -> None:
        """Add energy to a job that is open; the store has it by device and day."""
        if (job := self._jobs.get(job_id)) is not None:
            self._jobs[job_id] = replace(job, energy_mj=(job.energy_mj or 0) + energy_mj)

    def reopen(self, job_id: JobId, state: JobState, seen_end: JobState | None = None, **changes: Any) -> Job:
        """Take up a job whose end a reorganisation undid, or replaced by another, however final that was."""
        ended = self._table.get(job_id)
        if ended is None:
            raise KeyError(job_id)
        job = replace(
            ended,
            state=state,
            seen_end=seen_end,
            ended_at_unix_s=None,
            gas=0,
            earned_wei=0,
            lost_wei=0,
            error=None,
            **changes,
        )
        self._table.save(job, at_unix_s=self._now(), state_changed=True)
        self._take_up(job)
        return job

    def advance(self, job_id: JobId, state: JobState, **changes: Any) -> Job:
        """Move a job to another state. Raise InvalidTransition when the table does not allow it."""
        current = self._jobs[job_id]
        check_transition(current.state, state)
        if state.is_final:
            changes.setdefault("ended_at_unix_s", self._now())
        job = replace(current, state=state, **{"error": None, "seen_end": None, **changes})
        self._table.save(job, at_unix_s=self._now(), state_changed=True)
        if state.is_final:
            del self._jobs[job_id]
            self._ended_today.append(job)
        else:
            self._jobs[job_id] = job
        return job

    def _take_up(self, job: Job) -> None:
        self._jobs[job.job_id] = job
        self._ended_today = [other for other in self._ended_today if other.job_id != job.job_id]
