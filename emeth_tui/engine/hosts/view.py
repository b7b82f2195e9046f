"""A host as a front end shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emeth_tui.hosts.node.traffic import Traffic
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason

NO_TRAFFIC = Traffic()


@dataclass(frozen=True, slots=True)
class VersionDiffers:
    """A version of a host's that is not the node's; "–" where it is not installed."""

    what: str  # emeth-tui, Python or torch
    theirs: str
    ours: str


@dataclass(frozen=True, slots=True)
class HostJob:
    """A job, or a part of one, that a host's device has, and the age of its newest checkpoint at home."""

    job_id: JobId
    device: str
    checkpoint_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class HostView:
    """A host at a moment. `away_s` and `reason` say since when and why it is not reached; 0 and None else."""

    name: str
    destination: str
    joined: bool
    draining: bool
    away_s: float = 0.0
    reason: Reason | None = None
    devices: tuple[str, ...] = ()
    version: str = ""  # of emeth-tui there; "" before it was reached
    python: str = ""
    torch: str = ""
    free_bytes: int | None = None
    lacks: Reason | None = None  # what keeps it from being given jobs, or the last one, while it is reached
    transport: Literal["ssh", "tls"] = "ssh"
    joined_s: float = 0.0  # for how long it has been reached
    differs: tuple[VersionDiffers, ...] = ()
    jobs: tuple[HostJob, ...] = ()
    traffic: Traffic = NO_TRAFFIC

    @property
    def checkpoint_age_s(self) -> float | None:
        """The age of the oldest newest checkpoint at home of a job that trains there."""
        ages = [job.checkpoint_age_s for job in self.jobs if job.checkpoint_age_s is not None]
        return max(ages, default=None)
