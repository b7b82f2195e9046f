"""What parent and worker process say to each other: frozen dataclasses, no tensors, no handles, no keys.

The verification key never enters a worker: it reports the dataset's digest, and gets back the finished hash.
Importing this module loads neither torch nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from emeth_tui.training.reports import (
    Diverged,
    EpochDone,
    Event,
    ModelReady,
    ModelRequest,
    OutOfMemory,
    Paused,
    Prepared,
    Preparing,
    Progress,
    ResultWritten,
    Resumed,
    Saving,
    Skipped,
    Stopped,
    Trained,
    TrainRequest,
    Validating,
    WentBack,
    Work,
)

__all__ = [
    "Diverged",
    "EpochDone",
    "Event",
    "FailureKind",
    "JobFailed",
    "ModelReady",
    "ModelRequest",
    "OutOfMemory",
    "Pause",
    "Paused",
    "Prepared",
    "Preparing",
    "Progress",
    "Ready",
    "Request",
    "ResultWritten",
    "Resume",
    "Resumed",
    "Saving",
    "Shutdown",
    "Skipped",
    "StartFailed",
    "Stop",
    "Stopped",
    "ToChild",
    "ToParent",
    "TrainRequest",
    "Trained",
    "Validating",
    "WentBack",
    "Work",
    "WriteResult",
]


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is up and holds its device."""

    pid: int
    device: str
    device_name: str


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The process cannot work, and leaves."""

    reason: str


class FailureKind(Enum):
    """Whose fault a failed job is."""

    DATASET = "dataset"
    TRAINING = "training"
    DISK = "disk"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job ended with an error; a retriable one may go better in a fresh process, from the checkpoint."""

    kind: FailureKind
    reason: str

    @property
    def retriable(self) -> bool:
        """True when the job itself is not to blame."""
        return self.kind is FailureKind.PROCESS


@dataclass(frozen=True, slots=True)
class WriteResult:
    """All epochs are paid for with a hash: write it, with the weights, into the result file."""

    hash_hex: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Stand still at the next step boundary."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Save a checkpoint at the next step boundary and end the job; the process stays."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Save a checkpoint if a job is running, and leave."""


Request = TrainRequest | ModelRequest
ToChild = Request | WriteResult | Pause | Resume | Stop | Shutdown
ToParent = Ready | StartFailed | JobFailed | Event
