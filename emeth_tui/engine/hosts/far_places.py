"""Which workers are on other machines, and where a job's files are: with its worker, or at home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.workers.job_files import JobFiles
from emeth_tui.workers.supervisor import Worker

if TYPE_CHECKING:
    from emeth_tui.hosts.node.files import FarJobFiles

_HOST_FILE = "host"  # in a job's directory: where it was trained last
Choose = Callable[[Sequence[Worker]], Worker]


class FarPlaces:
    """Workers on hosts, each with the files of its host; all others work in the node's own directories."""

    def __init__(self) -> None:
        self._files: dict[Worker, FarJobFiles] = {}

    def add(self, worker: Worker, files: FarJobFiles) -> None:
        """Note that a worker is on a host."""
        self._files[worker] = files

    def remove(self, worker: Worker) -> None:
        """Forget a worker."""
        self._files.pop(worker, None)

    def files_of(self, worker: Worker, home: JobFiles) -> JobFiles:
        """Return the files of jobs that a worker trains; `home` are the node's own."""
        return self._files.get(worker, home)

    def begins(self, directory: Path, worker: Worker) -> None:
        """Note where a job trains, in its directory: the host may come to hold more of it than the node."""
        marker = directory / _HOST_FILE
        if (files := self._files.get(worker)) is not None:
            marker.write_text(files.host, encoding="utf-8")
        else:
            marker.unlink(missing_ok=True)

    def prefer(self, directory: Path, choose: Choose) -> Choose:
        """Return `choose`, but for the workers of the host where a job was trained last, if any is free."""
        host = host_of(directory)
        if not host:
            return choose
        return lambda workers: choose(
            [worker for worker in workers if worker in self._files and self._files[worker].host == host]
            or workers
        )


def host_of(directory: Path) -> str:
    """Return the host where a job was trained last; "" for the node's own machine."""
    try:
        return (directory / _HOST_FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
