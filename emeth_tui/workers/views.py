"""A worker as others see it: frozen snapshots, and how reports change them."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

from emeth_tui.model import WorkerPhase
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons import worker
from emeth_tui.training import reports
from emeth_tui.training.reports import Event


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A snapshot of one worker. The fields of a job have their defaults while there is none."""

    index: int
    device: str
    device_name: str = ""
    pid: int | None = None
    phase: WorkerPhase = WorkerPhase.STARTING
    detail: Reason | None = None
    job_id: str | None = None
    epoch: int = 0  # whole epochs done
    epochs: int = 0
    step: int = 0  # of the running epoch
    steps: int = 0
    train_loss: float | None = None
    valid_loss: float | None = None
    tokens_per_s: float | None = None
    part: int = 1  # of `parts` that train the job together, one worker each
    parts: int = 1
    host: str = ""  # another machine's name; "" for the node's own
    gpu_uuid: str = ""  # as NVML knows the GPU; "" on a CPU, and until the process is up


@dataclass(frozen=True, slots=True)
class TrainedResult:
    """A finished job's result file."""

    name: str  # in the job's directory
    size_bytes: int
    epochs: int
    valid_loss: float


def view_after(view: WorkerView, message: Event) -> WorkerView:
    """Return a worker's view after this report on its job."""
    phase, changed = WorkerPhase, functools.partial(dataclasses.replace, view)
    match message:
        case reports.Preparing():
            return changed(phase=phase.PREPARING, detail=_preparation(message))
        case reports.Prepared(steps_per_epoch=steps, resumed_epoch=epoch, resumed_step=step):
            return changed(phase=phase.TRAINING, detail=None, epoch=epoch, step=step, steps=steps)
        case reports.Progress():
            return changed(
                phase=phase.TRAINING,
                epoch=message.epoch - 1,
                step=message.step,
                steps=message.steps,
                train_loss=message.train_loss,
                tokens_per_s=message.tokens_per_s,
            )
        case reports.Validating():
            return changed(phase=phase.VALIDATING)
        case reports.EpochDone(epoch, train_loss, valid_loss):
            return changed(
                phase=phase.TRAINING, epoch=epoch, step=0, train_loss=train_loss, valid_loss=valid_loss
            )
        case reports.PartTrained(train_loss=train_loss):
            return changed(phase=phase.AVERAGING, step=view.steps, train_loss=train_loss)
        case reports.PartValidated(epoch, valid_loss):
            return changed(phase=phase.AVERAGING, epoch=max(0, epoch - 1), valid_loss=valid_loss)
        case reports.Saving():  # a paused job saves once and stays paused
            return view if view.phase is phase.PAUSED else changed(phase=phase.SAVING)
        case reports.Skipped(steps=steps):
            return changed(detail=worker.StepsNotApplied(steps))
        case reports.OutOfMemory(micro_batch=blocks):
            return changed(detail=worker.FewerBlocksAtOnce(blocks))
        case reports.WentBack(epoch, step):
            return changed(phase=phase.TRAINING, epoch=epoch, step=step)
        case reports.Diverged(_, data):
            return changed(phase=phase.TRAINING, detail=worker.GoingBack(from_data(Reason, data)))
        case reports.Paused():
            return changed(phase=phase.PAUSED, tokens_per_s=None)
        case reports.Resumed():
            return changed(phase=phase.TRAINING)
        case reports.Trained(valid_loss=valid_loss):
            return changed(phase=phase.WRITING_RESULT, valid_loss=valid_loss)
        case reports.Untrained(valid_loss):
            return changed(phase=phase.TRAINING, valid_loss=valid_loss)
        case reports.BackToBest(best_loss=best_loss):
            return changed(valid_loss=best_loss)
        case reports.CheckpointKept() | reports.ResultWritten() | reports.Stopped():
            return view
        case reports.ModelReady() | reports.Probed() | reports.Averaged() | reports.PartEnded():
            return view


def _preparation(preparing: reports.Preparing) -> Reason:
    stage, share = reports.Stage, preparing.fraction
    match preparing.stage:
        case stage.ASKING_HUB:
            return worker.AskingHub()
        case stage.WAITING_FOR_DOWNLOAD:
            return worker.WaitingForDownload()
        case stage.DOWNLOADING:
            return worker.DownloadingModel(share, preparing.size_bytes)
        case stage.READING:
            return worker.ReadingDataset(share)
        case stage.MAKING_TOKENIZER:
            return worker.MakingTokenizer(share)
        case stage.TOKENISING:
            return worker.Tokenising(share)
        case stage.LOADING_MODEL:
            return worker.LoadingModel()
