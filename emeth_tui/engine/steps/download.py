"""The download: a claimed job's dataset, from the network's storage into the job's directory."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.errors import DatasetError, StorageError
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import Downloaded
from emeth_tui.notices.reasons.job import DatasetTooLate
from emeth_tui.store.measurements import Quantity
from emeth_tui.training.reports import DATASET_NAME

LEAST_TRANSFER_S = 600.0  # whatever the deadline: a job is ours until the verifier ends it


def longest_transfer_s(context: Context, job: Job) -> float:
    """Return how long a job's dataset or result may be on its way before it is broken off and begun again."""
    return max(LEAST_TRANSFER_S, job.deadline_unix_s - context.clock.now_unix_s())


async def download(context: Context, job_id: JobId) -> None:
    """Fetch a job's dataset into its directory, resuming an earlier attempt.

    Raise StorageError, which another try may mend, or DatasetError when there is no time left for one.
    """
    job = context.book.get(job_id)
    if job.state is not JobState.DOWNLOADING:
        job = context.book.advance(job_id, JobState.DOWNLOADING)
    path = context.disk.files.directory(job_id) / DATASET_NAME
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    meter = context.forecasts.transfer(job_id, Quantity.DOWNLOAD, fresh=not any(path.parent.iterdir()))
    try:
        size_bytes = await context.storage.download(
            job_id,
            job.dataset,
            path,
            max_bytes=job.dataset_bytes,
            longest_s=longest_transfer_s(context, job),
            on_progress=meter.progress,
        )
    except StorageError as error:
        if _is_too_late(context, job):
            raise DatasetError(DatasetTooLate(error.reason)) from error
        raise
    context.forecasts.transferred(job_id, size_bytes)
    context.book.advance(job_id, JobState.PREPARING)
    context.events.publish(Downloaded(size_bytes), job_id=job_id)


def _is_too_late(context: Context, job: Job) -> bool:
    """Whether a job would miss its deadline, however quickly all that is left of it went."""
    left = context.forecasts.left(job)
    least_s = left.low_s if left.measured else 0.0
    return context.clock.now_unix_s() + least_s > job.deadline_unix_s
