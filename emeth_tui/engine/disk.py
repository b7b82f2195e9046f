"""The disk budget: what jobs hold, what they may still fill, and whether another one fits.

A claim needs room for the dataset, three checkpoints (two kept, one being written) and the result, under
the cache limit and on the file system. An open job counts with what it reserved or what it holds, whichever
is more, and a submitted one with its result. A job's directory is deleted once the job has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import DiskFull
from emeth_tui.job import Job
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.disk import CacheFull, CacheUnusable, FileSystemFull
from emeth_tui.protocol.architectures import parameter_count

logger = logging.getLogger(__name__)
BYTES_PER_FLOAT = 4
# A checkpoint is weights and two Adam moments; two are kept, and a third is there while it is being written.
CHECKPOINT_COPIES = 3
FLOATS_PER_PARAMETER_IN_CHECKPOINT = 3
# Not measured, but the worst there is: the text, one token a byte of at most four bytes, and one to spare.
DATASET_COPIES = 6
MEASURE_EVERY_S = 2.0  # for the picture; what decides about claims is measured at that moment
FILE_SYSTEM_RESERVE_BYTES = 500_000_000  # never fill the operator's disk to the brim


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """The cache at a moment, in bytes. `committed` counts what open jobs may still fill."""

    used_bytes: int
    committed_bytes: int
    limit_bytes: int
    free_bytes: int
    by_job: tuple[tuple[JobId, int], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the cache holds, and what its file system has free, in bytes."""

    by_job: Mapping[JobId, int]
    free_bytes: int


def job_needs_bytes(dataset_bytes: int, model: str) -> int:
    """Estimate the most that a job holds on disk while it trains."""
    parameters = parameter_count(model)
    checkpoints = CHECKPOINT_COPIES * FLOATS_PER_PARAMETER_IN_CHECKPOINT * parameters * BYTES_PER_FLOAT
    return DATASET_COPIES * dataset_bytes + checkpoints + parameters * BYTES_PER_FLOAT


class DiskBudget:
    """Watches over one directory that holds one directory a job."""

    def __init__(self, jobs_dir: Path, limit_bytes: int) -> None:
        self._jobs_dir = jobs_dir
        self.limit_bytes = limit_bytes
        try:
            jobs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DiskFull(CacheUnusable(jobs_dir, error.strerror or "")) from error

    def job_dir(self, job_id: JobId) -> Path:
        """Name a job's directory; the id was checked to be plain hex when it was parsed."""
        return self._jobs_dir / job_id

    def files(self, job_id: JobId) -> list[tuple[str, int]]:
        """List a job's files by their names in its directory, with their bytes."""
        directory = self.job_dir(job_id)
        found = []
        for path in sorted(directory.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # its worker may be at work there
                if path.is_file():
                    found.append((str(path.relative_to(directory)), path.lstat().st_size))
        return found

    def usage(self, open_jobs: Iterable[Job]) -> DiskUsage:
        """Measure the cache."""
        return self.usage_as_measured(self.measure(), open_jobs)

    def measure(self) -> Measured:
        """Walk through every file of the cache; may take a while, and be called in a thread."""
        with os.scandir(self._jobs_dir) as entries:
            by_job = {JobId(entry.name): _size_bytes(entry) for entry in entries}
        return Measured(by_job, shutil.disk_usage(self._jobs_dir).free)

    def usage_as_measured(self, measured: Measured, open_jobs: Iterable[Job]) -> DiskUsage:
        """Put together what was measured and what jobs may still fill."""
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
        """Return why a job that needs so much does not fit, None when it does."""
        usage = self.usage(open_jobs)
        room = usage.limit_bytes - usage.committed_bytes
        if needed_bytes > room:
            return CacheFull(max(0, room), usage.limit_bytes, needed_bytes)
        still_to_fill = usage.committed_bytes - usage.used_bytes
        free = usage.free_bytes - still_to_fill - FILE_SYSTEM_RESERVE_BYTES
        if needed_bytes > free:
            return FileSystemFull(max(0, free), needed_bytes, self._jobs_dir)
        return None

    def keep_only(self, job_id: JobId, names: Iterable[str]) -> None:
        """Delete everything in a job's directory but the named files."""
        kept = set(names)
        directory = self.job_dir(job_id)
        for entry in directory.iterdir() if directory.is_dir() else ():
            if entry.name not in kept:
                _delete(entry)

    def delete(self, job_id: JobId) -> None:
        """Delete a job's directory, if there is one."""
        _delete(self.job_dir(job_id))

    def delete_ended(self, has_ended: Callable[[JobId], bool]) -> None:
        """Delete what a crash between a job's end and its deletion left, and nothing that we do not know."""
        for entry in self._jobs_dir.iterdir():
            if has_ended(JobId(entry.name)):
                _delete(entry)


class DiskMeter:
    """Keeps a measurement of the cache for pictures of the node; a new one is made in a thread."""

    def __init__(self, budget: DiskBudget, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._monotonic = monotonic
        self._measured: Measured | None = None
        self._measured_at = 0.0
        self._measuring: asyncio.Future[Measured] | None = None

    def latest(self, open_jobs: Iterable[Job]) -> DiskUsage:
        """Return the usage as last measured, and have it measured anew when that is old.

        Called on the event loop; the first measurement is made at once.
        """
        now = self._monotonic()
        if self._measured is None:
            self._measured, self._measured_at = self._budget.measure(), now
        elif self._measuring is None and now - self._measured_at >= MEASURE_EVERY_S:
            self._measured_at = now
            self._measuring = asyncio.get_running_loop().run_in_executor(None, self._budget.measure)
            self._measuring.add_done_callback(self._take)
        return self._budget.usage_as_measured(self._measured, open_jobs)

    def _take(self, measuring: asyncio.Future[Measured]) -> None:
        self._measuring = None
        if measuring.cancelled():
            return
        if error := measuring.exception():
            logger.warning("the cache cannot be measured: %s", error)
        else:
            self._measured = measuring.result()


def _size_bytes(entry: os.DirEntry[str]) -> int:
    """Add up a directory's files; what a worker deletes or replaces at this moment counts nothing."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
        with os.scandir(entry) as inner:
            return sum(_size_bytes(each) for each in inner)
    except FileNotFoundError:
        return 0


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
