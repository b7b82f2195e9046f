"""Whether a job is shared out: it takes less time than with one worker, and earns the same fee."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import shared_job_needs_bytes
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.job import MAX_PARTS, Job
from emeth_tui.model import Averaging, JobState
from emeth_tui.notices.events.job import SharedOut
from emeth_tui.workers.supervisor import Worker

LEAST_SAVING = 0.1  # of the time that it takes with fewer
LEAST_PART_BYTES = 2_048  # of the dataset; a part of less may have nothing to learn from
_UNDECIDED = frozenset({JobState.CLAIMING, JobState.CLAIMED, JobState.DOWNLOADING, JobState.PREPARING})


def share_out(context: Context, job: Job) -> Job:
    """Decide over how many workers a job is shared out that is about to be trained, once for all."""
    if job.parts > 1 or job.state is not JobState.PREPARING or not _may_cooperate(context):
        return job
    if _has_checkpoint(context, job):
        return job
    workers = _best_workers(context, job)
    while len(workers) > 1 and not _has_room(context, job, workers):
        workers.pop()
    if len(workers) < 2:
        return job
    averaging = averaging_of(context, workers)
    alone, together = (context.forecasts.together(job, some, averaging) for some in (workers[:1], workers))
    devices = ", ".join(worker.device for worker in workers)
    shared = SharedOut(len(workers), devices, round(alone.expected_s), round(together.expected_s))
    reserved_bytes = _needed_bytes(context, job, workers)
    job = context.book.update(
        job.job_id, parts=len(workers), averaging=averaging, reserved_bytes=reserved_bytes
    )
    context.events.publish(shared, job_id=job.job_id)
    return job


def workers_wanted(context: Context, job: Job, workers: int) -> int:
    """Return how many of so many workers a job has or may take: until it is decided, all of them."""
    if job.state in _UNDECIDED and job.parts == 1 and _may_cooperate(context):
        return workers
    return job.parts if job.state in {*_UNDECIDED, JobState.TRAINING} else 1


def _may_cooperate(context: Context) -> bool:
    """Whether the owner wants it. Where results are measured, members' fewer steps might not reach as low."""
    return context.settings.training.cooperative == "nvm" and context.network.verification == "chain"


def _has_checkpoint(context: Context, job: Job) -> bool:
    return any((context.disk.files.directory(job.job_id) / "checkpoints").glob("*.pt"))


def averaging_of(context: Context, workers: Sequence[Worker]) -> Averaging:
    """Return what these workers would hand over; on one machine nothing travels, and weights go in full."""
    return context.settings.training.averaging if any(worker.host for worker in workers) else "fp32"


def _needed_bytes(context: Context, job: Job, workers: Sequence[Worker]) -> int:
    averaging = averaging_of(context, workers)
    return shared_job_needs_bytes(job.dataset_bytes, job.model, len(workers), averaging)


def _has_room(context: Context, job: Job, workers: Sequence[Worker]) -> bool:
    more_bytes = max(0, _needed_bytes(context, job, workers) - job.reserved_bytes)
    return context.disk.refusal(more_bytes, context.book.open_jobs()) is None


def _best_workers(context: Context, job: Job) -> list[Worker]:
    """Return the job's own worker, and as many free ones beside it as save time."""
    own = context.leases.place_of(job.job_id)
    able = context.forecasts.able(context.leases.free, Task.of(job))
    free = [worker for worker in able if worker is not own]
    free.sort(key=lambda worker: context.forecasts.together(job, [worker]).expected_s)
    workers = [*([own] if own is not None else []), *free]
    chosen = workers[:1]
    if not chosen:
        return []
    most = min(len(workers), MAX_PARTS, job.dataset_bytes // LEAST_PART_BYTES)
    best_s = context.forecasts.together(job, chosen).expected_s
    for parts in range(2, most + 1):
        some = workers[:parts]
        needed_s = context.forecasts.together(job, some, averaging_of(context, some)).expected_s
        if needed_s <= best_s * (1 - LEAST_SAVING):
            chosen, best_s = workers[:parts], needed_s
    return chosen
