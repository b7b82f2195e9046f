"""What a training job is asked for and what it reports while it runs: plain data, no tensors, no torch.

`emeth_tui.workers.messages` carries these between processes, and the annotations are the limits that a
receiver holds them to. Every path is relative, so that a message means the same on every host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from msgspec import Meta

from emeth_tui.model import Averaging

DATASET_NAME = "dataset.txt"
AVERAGE_NAME = "average.int8"  # in a member's directory: the newest average's difference from the last one
STATES_DIRECTORY = "states"  # below a job's: what a training by rule leaves for its verifier
MAX_TEXT_CHARS = 2_000
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"  # of a path: neither "..", nor hidden, nor absolute

Count = Annotated[int, Meta(ge=0, le=2**53)]
Number = Annotated[int, Meta(ge=1, le=2**53)]
Seed = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Amount = Annotated[float, Meta(ge=0.0, le=1e18)]  # of seconds, of tokens a second
Loss = Annotated[float, Meta(ge=-1e9, le=1e9)]
ReasonData = dict[str, Any]  # as `notices.notice.to_data` writes a reason
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
FileName = Annotated[str, Meta(pattern=rf"^{_PART}\Z", max_length=255)]
RelativePath = Annotated[str, Meta(pattern=rf"^{_PART}(/{_PART})*\Z", max_length=MAX_TEXT_CHARS)]
VocabSize = Annotated[int, Meta(ge=1, le=2**22)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Train `model` on a text for `epochs` epochs.

    `directory` is the job's own, below the one that its worker keeps for all jobs. `dataset` lies in it, and
    so does everything that the job leaves on the disk: token arrays, checkpoints and the result. A request
    with the same directory, dataset, model and seed goes on from the last checkpoint there.
    """

    job_id: Text
    language: Text
    epochs: Number
    directory: RelativePath
    model: Text
    dataset: FileName = DATASET_NAME
    batch_size: Number | None = (
        None  # blocks that an optimiser step learns from; None: the model's own for the text
    )
    learning_rate: Amount | None = None  # None: the model's own
    seed: Seed = 0
    threads: Number | None = None  # None: the worker's share of the cores
    deterministic: bool = False
    checkpoint_every_s: Amount = 400.0  # within an epoch
    checkpoint_share: Amount = 0.01  # of the time that checkpoints may cost, those after epochs included
    checkpoint_gap_s: Amount = 10.0  # the least time between two, unless `checkpoint_every_s` is less
    checkpoint_bytes_a_day: Amount = 1e12  # or what `checkpoint_every_s` needs, if that is more
    checkpoint_moments: bool = True  # else only weights: what goes on begins the optimiser's moments anew
    release_on_pause: bool = False  # free the device's memory while paused
    quick_steps: bool = True  # else neither compiled nor recorded: for a device that this may have broken
    replay: bool = False  # train by the rule of protocol.md §9b, and keep what a verifier may ask for
    part: Number = 1  # of `parts` that train the job together, each on its share of the text (protocol.md §8)
    parts: Number = 1
    averaging: Averaging = "fp32"


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch of a training so far, as `run.best_weights.BestSoFar` has it."""

    start_loss: Loss
    loss: Loss
    epoch: Count
    waited: Count
    went_back_after: Count
    rate_share: Share


@dataclass(frozen=True, slots=True)
class AverageRequest:
    """Average what the members of a job have trained in `epoch`; `Averaged` reports the end.

    Each of `members` is the directory of a member, which holds what it has handed over; there the average
    becomes its newest checkpoint. It lies in `directory` as well, by its epoch, with that of the best one.
    With `averaging` "int8" each member also finds the difference from the last average, from the second on.
    """

    directory: RelativePath
    members: tuple[RelativePath, ...]
    epoch: Number
    model: Text
    vocab_size: VocabSize
    best: Best | None = None
    averaging: Averaging = "fp32"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Fetch and check a model: `Preparing` reports its download, `ModelReady` the end."""

    model: Text


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """Train a small model of no job's for a moment, to see that the device does; `Probed` reports it."""

    seconds: Amount


@dataclass(frozen=True, slots=True)
class Work:
    """What a process has done for its job since `Prepared`, and the seconds that each kind of work took.

    None of them includes pauses. `saving_s` is how long checkpoints kept the training waiting.
    """

    trained_tokens: Count = 0
    trained_s: Amount = 0.0
    validated_tokens: Count = 0
    validated_s: Amount = 0.0
    saving_s: Amount = 0.0


class Stage(Enum):
    """What a job does before it trains."""

    ASKING_HUB = "asking hub"
    WAITING_FOR_DOWNLOAD = "waiting for download"  # of the same model, by another process
    DOWNLOADING = "downloading"
    READING = "reading"
    MAKING_TOKENIZER = "making tokenizer"
    TOKENISING = "tokenising"
    LOADING_MODEL = "loading model"


@dataclass(frozen=True, slots=True)
class Preparing:
    """The job is in a stage before its training; `fraction` runs from 0 to 1 over model or dataset.

    `size_bytes` is what a download has in all.
    """

    fraction: Share
    stage: Stage
    size_bytes: Count = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """Training starts now, after `resumed_epoch` epochs and `resumed_step` steps of the next.

    `dataset_digest` is `d` of protocol.md §9. One epoch trains on `tokens` and validates on `valid_tokens`.
    `tokenised_s` is None when the tokens were kept from an earlier try; `loading_s` is the time from then to
    the first step.
    """

    dataset_digest: Sha256
    tokens: Count
    steps_per_epoch: Count
    resumed_epoch: Count
    resumed_step: Count
    valid_tokens: Count = 0
    tokenised_s: Amount | None = None
    loading_s: Amount = 0.0


@dataclass(frozen=True, slots=True)
class Untrained:
    """The validation loss of a pretrained model as it came, which its result must not exceed."""

    valid_loss: Loss


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` in `epoch` (counted from 1) is done; `train_loss` the mean since the last report."""

    epoch: Number
    epochs: Number
    step: Count
    steps: Count
    train_loss: Loss
    tokens_per_s: Amount
    work: Work = Work()


@dataclass(frozen=True, slots=True)
class Validating:
    """The validation text of `epoch` is being read; `fraction` runs from 0 to 1."""

    epoch: Number
    fraction: Share


@dataclass(frozen=True, slots=True)
class EpochDone:
    """`epoch` epochs are trained; the losses are means per token over this epoch's text.

    Reported when the epoch's last step has been applied, which may be before a checkpoint holds it: a
    process that dies in between trains the epoch again and reports it again. `Prepared` and `WentBack` say
    from where. `best_loss` is the least validation loss so far, that before the first epoch included; None
    where a training does not go back to it.
    """

    epoch: Number
    train_loss: Loss
    valid_loss: Loss
    seconds: Amount
    work: Work = Work()
    best_loss: Loss | None = None


@dataclass(frozen=True, slots=True)
class PartTrained:
    """A member has trained its part of `epoch`, and its weights lie ready to be averaged with the others'.

    Said again and again until the average is there. `train_loss` is the mean over `tokens`.
    """

    epoch: Number
    train_loss: Loss
    tokens: Count
    vocab_size: VocabSize


@dataclass(frozen=True, slots=True)
class PartValidated:
    """A member has measured the average of `epoch`; 0: the weights as they came.

    Said again and again until the epoch counts.
    """

    epoch: Count
    valid_loss: Loss


@dataclass(frozen=True, slots=True)
class PartEnded:
    """A member is done with the job, whose result another one writes."""

    part: Number


@dataclass(frozen=True, slots=True)
class Averaged:
    """The average of `epoch` lies where it was asked for.

    Of those parts that handed over a difference, each is known to hold the average before it.
    """

    epoch: Number
    differences: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True)
class BackToBest:
    """After `epoch` epochs, training goes on from its weights after `best_epoch`; 0: as they came.

    No epoch is undone: the next one is `epoch` + 1, at a lower rate.
    """

    epoch: Number
    best_epoch: Count
    best_loss: Loss


@dataclass(frozen=True, slots=True)
class Saving:
    """A checkpoint is being written, which may take a while without other news."""

    epoch: Count
    step: Count


@dataclass(frozen=True, slots=True)
class CheckpointKept:
    """A checkpoint of `epoch` whole epochs and `blocks` blocks of the next has reached the disk."""

    epoch: Count
    blocks: Count
    size_bytes: Count


@dataclass(frozen=True, slots=True)
class Skipped:
    """`steps` steps of `epoch` gave no finite numbers and were not applied; the learning rate was lowered."""

    epoch: Number
    steps: Number


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Memory ran out in `epoch`; training goes on with at most `micro_batch` blocks at once."""

    epoch: Number
    micro_batch: Number


@dataclass(frozen=True, slots=True)
class WentBack:
    """Training goes on from the last good checkpoint, which holds `epoch` whole epochs and `step` steps."""

    epoch: Count
    step: Count


@dataclass(frozen=True, slots=True)
class Diverged:
    """The loss diverged: training goes back to the last good checkpoint with a lower learning rate."""

    epoch: Number
    reason: ReasonData


@dataclass(frozen=True, slots=True)
class Paused:
    """Training is paused after `epoch` whole epochs and `step` steps of the next."""

    epoch: Count
    step: Count


@dataclass(frozen=True, slots=True)
class Resumed:
    """Training goes on after a pause."""

    epoch: Count
    step: Count


@dataclass(frozen=True, slots=True)
class Trained:
    """All epochs are trained; the worker waits for the hash that goes into the result.

    `valid_loss` is that of the weights in it.
    """

    epochs: Number
    valid_loss: Loss


@dataclass(frozen=True, slots=True)
class ResultWritten:
    """The result file lies complete in the job's directory."""

    name: FileName
    size_bytes: Count


@dataclass(frozen=True, slots=True)
class ModelReady:
    """All that training with `model` needs lies on this machine and fits together."""

    model: Text


@dataclass(frozen=True, slots=True)
class Probed:
    """The device has trained; `finite` says whether the loss stayed a number."""

    tokens_per_s: Amount
    finite: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """Training stopped as asked; the checkpoint holds `epoch` whole epochs and `step` steps of the next."""

    epoch: Count
    step: Count


Event = (
    Preparing
    | Prepared
    | Untrained
    | Progress
    | Validating
    | EpochDone
    | PartTrained
    | PartValidated
    | PartEnded
    | Averaged
    | BackToBest
    | Saving
    | CheckpointKept
    | Skipped
    | OutOfMemory
    | Diverged
    | WentBack
    | Paused
    | Resumed
    | Trained
    | ResultWritten
    | ModelReady
    | Probed
    | Stopped
)
Report = Callable[[Event], None]
OnPreparing = Callable[[Preparing], None]  # may raise to break the preparation off


def unheard(preparing: Preparing) -> None:
    """Do nothing with a report."""
