"""Jobs' files on the node's disk and beside the workers that train them."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emeth_tui.errors import DiskFull, Reasoned
from emeth_tui.foreign_text import system_text
from emeth_tui.job import other_part_ids
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.disk import CacheUnusable
from emeth_tui.notices.reasons.files import FileMissing, NotPlainFile
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.reports import AVERAGE_NAME, DATASET_NAME


class JobFileMissing(Reasoned):
    """A file of a job is not there, or not as a file of its own; the job goes back to where it is made."""


@dataclass(frozen=True, slots=True)
class FilesUsage:
    """What jobs' files take on the node's disk, those of its parts included, and what is free, in bytes."""

    by_job: Mapping[JobId, int]
    free_bytes: int


class JobFiles(Protocol):
    """Keeps a directory a job on the node's disk, and moves files between it and the job's worker.

    Names are relative to the job's directory. What is put or brought is complete when the call returns.
    """

    @property
    def root(self) -> Path:
        """The directory on the node's disk that holds the jobs'."""

    def directory(self, job_id: JobId) -> Path:
        """Return a job's directory on the node's disk, whether or not it exists."""

    async def put_dataset(self, job_id: JobId) -> None:
        """Have the worker find the dataset. Raise JobFileMissing when the node does not have it."""

    async def put_checkpoint(self, job_id: JobId) -> None:
        """Have the worker find the checkpoints that the node has."""

    async def put_average(self, job_id: JobId) -> None:
        """Have the worker find the newest average as the difference that leads to it.

        Raise JobFileMissing when the node does not have it.
        """

    async def bring_checkpoint(self, job_id: JobId) -> None:
        """Have the node hold the checkpoints that the worker has kept."""

    async def bring_result(self, job_id: JobId) -> Path:
        """Have the node hold the result, and return its path. Raise JobFileMissing when there is none."""

    def listing(self, job_id: JobId) -> list[tuple[str, int]]:
        """List a job's files by name, with their bytes."""

    def usage(self) -> FilesUsage:
        """Measure every job's files; this may take a while, and may be called in a thread."""

    def keep_only(self, job_id: JobId, names: Iterable[str]) -> None:
        """Delete a job's files but those named."""

    def delete(self, job_id: JobId) -> None:
        """Delete a job's files."""

    def delete_where(self, unwanted: Callable[[JobId], bool]) -> None:
        """Delete the files of every job that is unwanted."""


class LocalJobFiles:
    """The JobFiles of workers on this host, which work in the node's own directories: nothing has to move."""

    def __init__(self, jobs_dir: Path) -> None:
        """Make the directory that holds the jobs'. Raise DiskFull when that is impossible."""
        self._root = jobs_dir
        self._make_root()

    @property
    def root(self) -> Path:
        """The directory that holds the jobs'."""
        return self._root

    def directory(self, job_id: JobId) -> Path:
        """Return a job's directory; the id was checked to be plain hex when it was parsed."""
        return self._root / job_id

    async def put_dataset(self, job_id: JobId) -> None:
        """Check that the dataset is there."""
        _plain_file(self.directory(job_id) / DATASET_NAME)

    async def put_checkpoint(self, job_id: JobId) -> None:
        """Do nothing: checkpoints lie where the worker looks for them."""

    async def put_average(self, job_id: JobId) -> None:
        """Check that the difference is there."""
        _plain_file(self.directory(job_id) / AVERAGE_NAME)

    async def bring_checkpoint(self, job_id: JobId) -> None:
        """Do nothing: the worker has written them here."""

    async def bring_result(self, job_id: JobId) -> Path:
        """Check that the result is there."""
        return _plain_file(self.directory(job_id) / RESULT_NAME)

    def listing(self, job_id: JobId) -> list[tuple[str, int]]:
        """List a job's files by name, with their bytes."""
        directory = self.directory(job_id)
        files = []
        for path in sorted(directory.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # its worker may be at work there
                if path.is_file():
                    files.append((str(path.relative_to(directory)), path.lstat().st_size))
        return files

    def usage(self) -> FilesUsage:
        """Measure every job's files. Raise DiskFull when their directory is gone and cannot be made again."""
        self._make_root()
        with os.scandir(self._root) as entries:
            by_job = {JobId(entry.name): _size_bytes(entry) for entry in entries}
        for job_id in list(by_job):
            parts_bytes = sum(by_job.pop(part, 0) for part in other_part_ids(job_id))
            if parts_bytes:
                by_job[job_id] += parts_bytes
        return FilesUsage(by_job, shutil.disk_usage(self._root).free)

    def keep_only(self, job_id: JobId, names: Iterable[str]) -> None:
        """Delete a job's files but those named."""
        self._delete_other_parts(job_id)
        kept = set(names)
        directory = self.directory(job_id)
        for entry in directory.iterdir() if directory.is_dir() else ():
            if entry.name not in kept:
                _delete(entry)

    def delete(self, job_id: JobId) -> None:
        """Delete a job's directory, if there is one, and those of its parts."""
        self._delete_other_parts(job_id)
        _delete(self.directory(job_id))

    def delete_where(self, unwanted: Callable[[JobId], bool]) -> None:
        """Delete the directory of every job that is unwanted, and nothing that is no job's."""
        for entry in self._root.iterdir():
            if unwanted(JobId(entry.name)):
                self._delete_other_parts(JobId(entry.name))
                _delete(entry)

    def _make_root(self) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DiskFull(CacheUnusable(self._root, system_text(error))) from error

    def _delete_other_parts(self, job_id: JobId) -> None:
        for part in other_part_ids(job_id):
            _delete(self.directory(part))


def _plain_file(path: Path) -> Path:
    """Return the path of a file of its own: a link that a worker has made could lead anywhere."""
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            return path
    except FileNotFoundError as error:
        raise JobFileMissing(FileMissing(path)) from error
    raise JobFileMissing(NotPlainFile(path))


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
