"""Where a keeper keeps what it owns: one directory for each node that uses this host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.hosts.messages import FarDevice
from emeth_tui.training.reports import DATASET_NAME


@dataclass(frozen=True, slots=True)
class Means:
    """What a host gives to a node: devices, and so much of its disk for the files of jobs."""

    devices: tuple[FarDevice, ...]
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class KeeperPlace:
    """The directories of one node's keeper."""

    root: Path

    @property
    def socket_dir(self) -> Path:
        """Holds the socket that relays connect to."""
        return self.root / "socket"

    @property
    def outboxes(self) -> Path:
        """Holds an outbox for each attempt."""
        return self.root / "outbox"

    @property
    def jobs(self) -> Path:
        """Holds a directory for each job, as a node's own worker has them."""
        return self.root / "jobs"

    @property
    def datasets(self) -> Path:
        """Holds datasets by their content, which jobs share."""
        return self.root / "datasets"

    @property
    def devices(self) -> Path:
        """Holds what was found out about devices."""
        return self.root / "devices"

    @property
    def relay(self) -> Path:
        """Holds what a relay of dask's makes and tidies up for itself."""
        return self.root / "relay"

    @property
    def logs(self) -> Path:
        """Holds the keeper's log and the workers'."""
        return self.root / "logs"

    def make(self) -> None:
        """Make the directories. Raise OSError."""
        for directory in (self.root, self.outboxes, self.jobs, self.datasets, self.logs):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def dataset(self, job: str) -> Path:
        """Return where a job's worker looks for its dataset."""
        return self.jobs / job / DATASET_NAME
