"""Which workers are on other machines, what they can take, and where a job's files are: there, or at home."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.engine.disk import job_needs_bytes
from emeth_tui.job import Job
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.workers.job_files import JobFiles
from emeth_tui.workers.supervisor import Worker

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.readiness import Readiness
    from emeth_tui.hosts.node.files import FarJobFiles

_HOST_FILE = "host"  # in a job's directory: where it was trained last
Choose = Callable[[Sequence[Worker]], Worker | None]  # None: rather wait for another


class FarPlaces:
    """Workers on hosts, each with the files of its host; all others work in the node's own directories."""

    def __init__(self) -> None:
        self._files: dict[Worker, FarJobFiles] = {}
        self._readiness: dict[Worker, Readiness] = {}

    def add(self, worker: Worker, files: FarJobFiles, readiness: Readiness) -> None:
        """Note that a worker is on a host."""
        self._files[worker] = files
        self._readiness[worker] = readiness

    def remove(self, worker: Worker) -> None:
        """Forget a worker."""
        self._files.pop(worker, None)
        self._readiness.pop(worker, None)

    def files_of(self, worker: Worker, home: JobFiles) -> JobFiles:
        """Return the files of jobs that a worker trains; `home` are the node's own."""
        return self._files.get(worker, home)

    def claim_refusal(self, worker: Worker, job: Job) -> Reason | None:
        """Return what a worker's host lacks for a job that is to be claimed, and remember it."""
        refusal = self.refusal_of(worker, job.model, job.dataset_bytes, job.job_id)
        if (readiness := self._readiness.get(worker)) is not None:
            readiness.lacked = refusal
        return refusal

    def refusal_of(
        self, worker: Worker, model: str, dataset_bytes: int, job_id: JobId | None = None
    ) -> Reason | None:
        """Return what a worker's host lacks for a job like this; nothing is lacking on the node's own."""
        readiness = self._readiness.get(worker)
        if readiness is None:
            return None
        return readiness.refusal(model, job_needs_bytes(dataset_bytes, model), job_id)

    def begins(self, directory: Path, worker: Worker) -> None:
        """Note where a job trains, in its directory: the host may come to hold more of it than the node."""
        marker = directory / _HOST_FILE
        if (files := self._files.get(worker)) is not None:
            marker.write_text(files.host, encoding="utf-8")
        else:
            marker.unlink(missing_ok=True)

    def trained_at(self, directory: Path) -> Callable[[Worker], bool]:
        """Return whether a worker is on the host where a job, or a part of one, was trained last."""
        host = host_of(directory)
        return lambda worker: worker in self._files and self._files[worker].host == host

    def prefer(
        self, directory: Path, job: Job, choose: Choose, failed_at: Collection[str] = frozenset()
    ) -> Choose:
        """Return `choose`, but for the workers of the host where a job was trained last, if any is free.

        Else for those that lack nothing for it: where there are none, it waits. `directory` is the job's, or
        that of a part of it. Hosts where it has failed come last.
        """
        was_there, part = self.trained_at(directory), JobId(directory.name)
        needed_bytes = job_needs_bytes(job.dataset_bytes, job.model)

        def goes_on_at(worker: Worker) -> bool:
            return was_there(worker) and not self._readiness[worker].is_full(needed_bytes, part)

        def able(workers: Sequence[Worker]) -> list[Worker]:
            return [worker for worker in workers if goes_on_at(worker)] or [
                worker
                for worker in workers
                if self.refusal_of(worker, job.model, job.dataset_bytes, part) is None
            ]

        def has_failed(worker: Worker) -> bool:
            return worker in self._files and self._files[worker].host in failed_at

        def chosen(workers: Sequence[Worker]) -> Worker | None:
            best = able([worker for worker in workers if not has_failed(worker)]) or able(workers)
            return choose(best) if best else None

        return chosen


def host_of(directory: Path) -> str:
    """Return the host where a job was trained last; "" for the node's own machine."""
    try:
        return (directory / _HOST_FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
