"""What a training job is asked for and what it tells while it runs: plain data, no tensors, no torch.

`emeth_tui.workers.messages` carries these between the processes. Paths and ids are strings, so that a message
pickles the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Train `model` on the text at `dataset_path` for `epochs` epochs.

    Everything that the job leaves on the disk lies under `work_dir`: token arrays, checkpoints and the
    result. A request with the same `work_dir`, dataset, model and seed goes on from the last checkpoint
    there.
    """

    job_id: str
    language: str
    epochs: int
    dataset_path: str
    work_dir: str
    model: str
    batch_size: int | None = None  # blocks that an optimiser step learns from; None: the model's own
    learning_rate: float | None = None  # None: the model's own
    seed: int = 0
    threads: int | None = None  # None: the worker's share of the cores
    deterministic: bool = False
    checkpoint_every_s: float = 300.0  # within an epoch
    checkpoint_share: float = 0.01  # of the time that checkpoints may cost, those after epochs included
    release_on_pause: bool = False  # free the device's memory while paused
    micro_batch_dir: str = ""  # where to keep what fits each device and model; empty: nowhere


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Have a model lie ready on this machine: `Preparing` tells of its download, `ModelReady` of the end."""

    model: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a process has done for its job since `Prepared`, and the seconds that each kind of work took.

    Pauses are in none of them. `saving_s` is what checkpoints kept the training waiting.
    """

    trained_tokens: int = 0
    trained_s: float = 0.0
    validated_tokens: int = 0
    validated_s: float = 0.0
    saving_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Preparing:
    """The dataset is being read, split and tokenised; `fraction` runs from 0 to 1 within `detail`."""

    fraction: float
    detail: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """Training starts now, `resumed_epoch` epochs and `resumed_step` steps of the next being done already.

    `dataset_digest` is `d` of protocol.md §9; `tokens` are those trained on in one epoch, `valid_tokens` are
    those that it is validated on. `tokenised_s` is None where the tokens were kept from an earlier try;
    `loading_s` is what came between them and the first step.
    """

    dataset_digest: str
    tokens: int
    steps_per_epoch: int
    resumed_epoch: int
    resumed_step: int
    valid_tokens: int = 0
    tokenised_s: float | None = None
    loading_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` in `epoch` (counted from 1) is done; `train_loss` is the mean since the last one."""

    epoch: int
    epochs: int
    step: int
    steps: int
    train_loss: float
    tokens_per_s: float
    work: Work = Work()


@dataclass(frozen=True, slots=True)
class Validating:
    """The validation text of `epoch` is being read; `fraction` runs from 0 to 1."""

    epoch: int
    fraction: float


@dataclass(frozen=True, slots=True)
class EpochDone:
    """`epoch` epochs are trained; the losses are means per token over this epoch's text.

    Said when the epoch's last step has been applied, which may be before a checkpoint holds it: a process
    that dies in between trains the epoch again, and says so again. `Prepared` and `WentBack` tell from where.
    """

    epoch: int
    train_loss: float
    valid_loss: float
    seconds: float
    work: Work = Work()


@dataclass(frozen=True, slots=True)
class Saving:
    """A checkpoint is being written, which may take a while without other news."""

    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """`steps` steps of `epoch` gave no finite numbers and were not applied; the learning rate was lowered."""

    epoch: int
    steps: int


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Memory ran out in `epoch`; training goes on with at most `micro_batch` blocks at once."""

    epoch: int
    micro_batch: int


@dataclass(frozen=True, slots=True)
class WentBack:
    """Training goes on from the last good checkpoint, which holds `epoch` whole epochs and `step` steps."""

    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Diverged:
    """The loss left the rails: training goes back to the last good checkpoint with a lower learning rate."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Training stands still after `step` steps of the epoch that follows `epoch` complete ones."""

    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Training goes on after a pause."""

    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Trained:
    """All epochs are trained; the worker waits for the hash that goes into the result."""

    epochs: int
    valid_loss: float


@dataclass(frozen=True, slots=True)
class ResultWritten:
    """The result file lies complete at `path`."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ModelReady:
    """All that training with `model` needs lies on this machine, and fits together."""

    model: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Training stopped as asked; the checkpoint holds `epoch` whole epochs and `step` steps of the next."""

    epoch: int
    step: int


Event = (
    Preparing
    | Prepared
    | Progress
    | Validating
    | EpochDone
    | Saving
    | Skipped
    | OutOfMemory
    | Diverged
    | WentBack
    | Paused
    | Resumed
    | Trained
    | ResultWritten
    | ModelReady
    | Stopped
)
Report = Callable[[Event], None]
