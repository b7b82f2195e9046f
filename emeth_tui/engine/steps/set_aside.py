"""Jobs that cannot be done, because no retry mends their dataset or no worker can make their deadline.

Each frees its worker, and the owner decides on its deposit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import settle_sent
from emeth_tui.engine.market.prepare import bytes_to_reserve
from emeth_tui.errors import DatasetError, JobError
from emeth_tui.job import Job
from emeth_tui.model import SECONDS_PER_DAY, JobId, JobState
from emeth_tui.notices.events.job import GivingBack, SetAside
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import (
    DatasetTooLate,
    DatasetUnusable,
    HostNotBackInTime,
    NoWorkerInTime,
)
from emeth_tui.notices.reasons.market import UnusableDatasets
from emeth_tui.notices.reasons.training.data import DatasetChanged, DatasetUnreadable
from emeth_tui.protocol.contracts import JobStatus

UNUSABLE_UNTIL_PAUSE = 2  # in a row: somebody asks for what cannot be done, or we judge wrongly

_NO_FAULT_OF_THE_DATASET = (DatasetTooLate, NoWorkerInTime, HostNotBackInTime)
_TROUBLE_HERE = (DatasetChanged, DatasetUnreadable)  # with the file on this disk: a fresh one may do


def needs_fresh_dataset(error: DatasetError) -> bool:
    """Whether a dataset is unusable only as it lies on this disk."""
    return isinstance(error.reason, _TROUBLE_HERE)


def discard_dataset(context: Context, job_id: JobId) -> None:
    """Delete what is on the disk of a job that is to be trained, and begin with the download again."""
    context.disk.files.delete(job_id)
    context.book.advance(job_id, JobState.DOWNLOADING)


def set_aside(context: Context, job_id: JobId, cause: Reason) -> None:
    """Record that a job cannot be done, delete its files, and say what its deposit costs either way."""
    context.disk.files.delete(job_id)
    job = context.book.update(job_id, error=DatasetUnusable(cause), reserved_bytes=0)
    _report(context, job)


def room_to_try_again(context: Context, job: Job) -> int:
    """Return the bytes to reserve for a job that was set aside. Raise JobError when there is no room."""
    needed_bytes = bytes_to_reserve(context, job)
    refusal = context.disk.refusal(needed_bytes, context.book.open_jobs())
    if refusal is not None:
        raise JobError(refusal)
    return needed_bytes


def is_given_back(context: Context) -> bool:
    """Whether the owner wants deposits on unusable datasets back at once, less the penalty."""
    return context.settings.claims.unusable_dataset == "decline"


async def give_back(context: Context, job_id: JobId) -> None:
    """Decline a job that was set aside; the watcher ends it. Raise TransactionError or NetworkError."""
    job = context.book.get(job_id)
    await settle_sent(context, job)
    record = await context.chain_job(job)
    if record.status is JobStatus.PROCESSING and context.is_ours(record):
        await context.transactions.decline(job_id)


class SetAsideJobs:
    """Keeps the jobs that were set aside in mind: reminds of them, and stops claiming when they pile up."""

    def __init__(self, context: Context, pause_claims: Callable[[Reason], None]) -> None:
        self._context = context
        self._pause_claims = pause_claims
        self._in_a_row = 0
        # When each was reported, monotonic; those of an earlier run are reported at the first look.
        self._reported_s = {job.job_id: -math.inf for job in self._jobs()}

    def look(self) -> list[JobId]:
        """Remind of each job once a day, count new ones, and return those to decline."""
        jobs = self._jobs()
        now_s = self._context.clock.monotonic_s()
        for job in jobs:
            reported_s = self._reported_s.get(job.job_id)
            if reported_s is None:
                self._count(job)
            elif now_s - reported_s < SECONDS_PER_DAY:
                continue
            else:
                _report(self._context, job)
            self._reported_s[job.job_id] = now_s
        return [job.job_id for job in jobs if not job.paused] if is_given_back(self._context) else []

    def start_over(self) -> None:
        """Count from none again: a job went well, or the owner has looked into it."""
        self._in_a_row = 0

    def _jobs(self) -> list[Job]:
        open_jobs = self._context.book.open_jobs()
        return [job for job in open_jobs if job.is_set_aside and job.seen_end is None]

    def _count(self, job: Job) -> None:
        assert isinstance(job.error, DatasetUnusable)  # noqa: S101 - what makes it set aside
        if isinstance(job.error.cause, _NO_FAULT_OF_THE_DATASET):
            return
        self._in_a_row += 1
        if self._in_a_row >= UNUSABLE_UNTIL_PAUSE:
            self._pause_claims(UnusableDatasets(self._in_a_row))


def _report(context: Context, job: Job) -> None:
    assert isinstance(job.error, DatasetUnusable)  # noqa: S101 - what makes it set aside
    body = GivingBack if is_given_back(context) else SetAside
    penalty_wei, timeout_wei = context.rates.giving_up_costs_wei(job.deposit_wei)
    context.events.publish(body(job.error.cause, penalty_wei, timeout_wei), job_id=job.job_id)
