"""The disk budget: what jobs use, what they may still fill, and whether another one fits.

A claim needs room for the dataset, three checkpoints (two kept, one being written), the result and, where the
network verifies by training again, ten states of the training, under the cache limit and on the file system.
An open job counts as what it reserved or what it uses, whichever is more, and a submitted one as its result
and its states. A job's directory is deleted once the job has ended.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emeth_tui.job import Job
from emeth_tui.model import Averaging, JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.disk import CacheFull, FileSystemFull
from emeth_tui.process.threads import in_thread
from emeth_tui.protocol.architectures import parameter_count
from emeth_tui.workers.job_files import FilesUsage, JobFiles

logger = logging.getLogger(__name__)
BYTES_PER_FLOAT = 4
# A checkpoint is weights, two Adam moments and the best weights so far (training/run/best_weights.py).
# Two are kept, and a third is there while it is being written.
CHECKPOINT_COPIES = 3
FLOATS_PER_PARAMETER_IN_CHECKPOINT = 4
# Not measured but the worst case: the text, one token per byte at four bytes each, and one to spare.
DATASET_COPIES = 6
# Of a job that is shared out: two to go on from, the best one, and one being written, each perhaps with the
# best weights beside its own.
AVERAGES = 4
FLOATS_PER_PARAMETER_IN_AVERAGE = 2
# Where members hand over differences: the last average and what was left out, in each checkpoint of a part;
# and what was left out of the last two averages.
MORE_FLOATS_IN_PART = 2
LEFT_OUT = 2
MEASURE_EVERY_S = 2.0  # for snapshots; a decision on a claim measures again
FILE_SYSTEM_RESERVE_BYTES = 500_000_000  # never fill the operator's disk to the brim


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """The cache at a moment, in bytes. `committed` counts what open jobs may still fill."""

    used_bytes: int
    committed_bytes: int
    limit_bytes: int
    free_bytes: int
    by_job: tuple[tuple[JobId, int], ...]


def job_needs_bytes(dataset_bytes: int, model: str, *, states: int = 0) -> int:
    """Estimate the most disk space that a job uses while it trains; `states` are kept for its verifier."""
    parameters = parameter_count(model)
    copies = CHECKPOINT_COPIES + states  # a state has what a checkpoint has (protocol.md §9b)
    checkpoints = copies * FLOATS_PER_PARAMETER_IN_CHECKPOINT * parameters * BYTES_PER_FLOAT
    return DATASET_COPIES * dataset_bytes + checkpoints + parameters * BYTES_PER_FLOAT


def shared_job_needs_bytes(dataset_bytes: int, model: str, parts: int, averaging: Averaging = "fp32") -> int:
    """Estimate the most disk space of a job that is shared out: each part has a directory as a job has."""
    floats = AVERAGES * FLOATS_PER_PARAMETER_IN_AVERAGE
    if averaging == "int8":
        floats += LEFT_OUT + parts * CHECKPOINT_COPIES * MORE_FLOATS_IN_PART
    more_bytes = floats * parameter_count(model) * BYTES_PER_FLOAT
    return parts * job_needs_bytes(dataset_bytes, model) + more_bytes


class DiskBudget:
    """Limits the disk space that jobs' files may take."""

    def __init__(self, files: JobFiles, limit_bytes: int) -> None:
        self.files = files
        self.limit_bytes = limit_bytes

    def usage(self, open_jobs: Iterable[Job]) -> DiskUsage:
        """Measure the cache."""
        return self.usage_as_measured(self.files.usage(), open_jobs)

    def usage_as_measured(self, measured: FilesUsage, open_jobs: Iterable[Job]) -> DiskUsage:
        """Combine a measurement with what jobs may still fill."""
        committed = dict(measured.by_job)
        for job in open_jobs:
            committed[job.job_id] = max(job.reserved_bytes, committed.get(job.job_id, 0))
        return DiskUsage(
            used_bytes=sum(measured.by_job.values()),
            committed_bytes=sum(committed.values()),
            limit_bytes=self.limit_bytes,
            free_bytes=measured.free_bytes,
            by_job=tuple(sorted(measured.by_job.items())),
        )

    def refusal(self, needed_bytes: int, open_jobs: Iterable[Job]) -> Reason | None:
        """Return why a job that needs this much does not fit, None when it does."""
        usage = self.usage(open_jobs)
        room = usage.limit_bytes - usage.committed_bytes
        if needed_bytes > room:
            return CacheFull(max(0, room), usage.limit_bytes, needed_bytes)
        still_to_fill = usage.committed_bytes - usage.used_bytes
        free = usage.free_bytes - still_to_fill - FILE_SYSTEM_RESERVE_BYTES
        if needed_bytes > free:
            return FileSystemFull(max(0, free), needed_bytes, self.files.root)
        return None


class DiskMeter:
    """Keeps a measurement of the cache for snapshots; a thread refreshes it."""

    def __init__(self, budget: DiskBudget, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._monotonic = monotonic
        self._measured: FilesUsage | None = None
        self._measured_at = 0.0
        self._measuring: asyncio.Future[FilesUsage] | None = None

    def latest(self, open_jobs: Iterable[Job]) -> DiskUsage:
        """Return the usage as last measured, and start a new measurement when that is old.

        Called on the event loop; the first measurement is made at once.
        """
        now = self._monotonic()
        if self._measured is None:
            self._measured, self._measured_at = self._budget.files.usage(), now
        elif self._measuring is None and now - self._measured_at >= MEASURE_EVERY_S:
            self._measured_at = now
            self._measuring = in_thread(self._budget.files.usage)
            self._measuring.add_done_callback(self._take)
        return self._budget.usage_as_measured(self._measured, open_jobs)

    def _take(self, measuring: asyncio.Future[FilesUsage]) -> None:
        self._measuring = None
        if measuring.cancelled():
            return
        if error := measuring.exception():
            logger.warning("the cache cannot be measured: %s", error)
        else:
            self._measured = measuring.result()
