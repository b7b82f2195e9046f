"""What parent and worker process send each other: frozen dataclasses, no tensors, no handles, no keys.

The verification key never enters a worker: it reports the dataset's digest and receives the finished hash.
Importing this module loads neither torch nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from emeth_tui.training.reports import (
    AverageRequest,
    Count,
    Event,
    Loss,
    ModelRequest,
    Number,
    ProbeRequest,
    ReasonData,
    Sha256,
    Text,
    TrainRequest,
)


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is up and holds its device."""

    pid: Number
    device: Text
    device_name: Text
    gpu_uuid: Text = ""


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The process cannot work and leaves."""

    reason: ReasonData


class FailureKind(Enum):
    """Whose fault a failed job is."""

    DATASET = "dataset"
    TRAINING = "training"
    DISK = "disk"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job ended with an error; if it is retriable, a fresh process may do better from the checkpoint."""

    kind: FailureKind
    reason: ReasonData

    @property
    def retriable(self) -> bool:
        """True when the job itself is not to blame."""
        return self.kind is FailureKind.PROCESS


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Write the hash chain's last link into the result file, with the weights."""

    hash_hex: Sha256


@dataclass(frozen=True, slots=True)
class TakeAverage:
    """Go on from the average of `epoch`, which is the newest checkpoint; first measure it."""

    epoch: Number


@dataclass(frozen=True, slots=True)
class EpochCounts:
    """`epoch` counts, with this validation loss for all members; 0: the weights as they came."""

    epoch: Count
    valid_loss: Loss


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
class Ping:
    """Answer with a Pong of this number, from the thread that trains: between jobs, at once."""

    number: Number


@dataclass(frozen=True, slots=True)
class Pong:
    """The process is ready for a job."""

    number: Number


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Save a checkpoint if a job is running, then leave."""


Request = TrainRequest | AverageRequest | ModelRequest | ProbeRequest
ToChild = Request | WriteResult | TakeAverage | EpochCounts | Pause | Resume | Stop | Ping | Shutdown
ToParent = Ready | StartFailed | JobFailed | Pong | Event
