"""One training job from text file to result file, composed of the other modules here."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from emeth_tui.files import remove_unfinished
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.cooperation.average import average, is_average
from emeth_tui.training.cooperation.member import MemberEnd
from emeth_tui.training.cooperation.trainer import PartTrainer
from emeth_tui.training.data.dataset import TokenisedDataset, load_tokens
from emeth_tui.training.devices import Device, set_deterministic, set_threads
from emeth_tui.training.files.checkpoint import CheckpointStore, save_result
from emeth_tui.training.files.models import (
    JobModel,
    ModelSpec,
    make_ready,
    open_model,
)
from emeth_tui.training.job_control import Control, StopRequested
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.replay.keeping import StateKeeper, kind_of
from emeth_tui.training.reports import (
    STATES_DIRECTORY,
    ModelReady,
    ModelRequest,
    PartEnded,
    Paused,
    Preparing,
    Probed,
    ProbeRequest,
    Report,
    ResultWritten,
    Stage,
    Stopped,
    TrainRequest,
)
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.cpu_trial import CpuPlan, fastest_on_cpu, threads
from emeth_tui.training.run.loop import Trainer
from emeth_tui.training.run.metrics import Throttle
from emeth_tui.training.run.microbatch import FoundBefore, MicroBatch
from emeth_tui.training.run.probe import train_for_a_moment
from emeth_tui.training.run.state import Plan, SavingLimits

__all__ = ["average", "make_model_ready", "probe", "run"]
_TOKENS = "tokens"  # in the job's directory
log = logging.getLogger(__name__)


def run(
    request: TrainRequest,
    jobs_dir: Path,
    device: Device,
    report: Report,
    control: Control,
    *,
    devices_dir: Path | None = None,
) -> None:
    """Do the whole job in its directory below `jobs_dir`: tokens, epochs, and the result file with the hash.

    The hash arrives through `control`. `devices_dir` remembers what fits each device and model between jobs.
    Report `Stopped` and return when `control` asks to stop. Raise DatasetError, TrainingError or DiskFull.
    """
    log.info("job %s: %s, %s, %d epochs", request.job_id, request.model, request.language, request.epochs)
    if request.threads is not None:
        set_threads(request.threads)
    set_deterministic(request.deterministic or request.replay)
    directory = jobs_dir / request.directory
    for each in (directory, directory / _TOKENS):
        remove_unfinished(each)
    trainer: Trainer | None = None
    try:
        ready = _prepare(request, directory, devices_dir, device, report, control)
        trainer = ready.trainer
        with threads(ready.threads), contextlib.closing(trainer):
            valid_loss = trainer.run()
            end: ResultWritten | PartEnded = PartEnded(request.part)
            if request.part == 1:
                end = _write_result(request, directory, trainer, ready.model, valid_loss, control)
        report(end)  # after everything that the trainer reports when it is closed
    except StopRequested:
        report(Stopped(*(trainer.position if trainer else (0, 0))))


def make_model_ready(request: ModelRequest, report: Report, control: Control) -> None:
    """Fetch a model for future jobs, and check that its files fit together.

    Report `Stopped` and return when `control` asks to stop. Raise TrainingError or DiskFull.
    """
    log.info("making the model %s ready", request.model)
    try:
        make_ready(request.model, _Preparation(report, control))
        report(ModelReady(request.model))
    except StopRequested:
        report(Stopped(0, 0))


def probe(request: ProbeRequest, device: Device) -> Probed:
    """Train a small model on no job's text, and on no disk. Raise TrainingError when memory is short."""
    log.info("probing %s", device.name)
    tokens_per_s, finite = train_for_a_moment(device, request.seconds)
    return Probed(tokens_per_s, finite)


class _Preparation:
    """Report slow preparations a few times a second, and pause or stop them on request."""

    def __init__(self, report: Report, control: Control) -> None:
        self.paused_s = 0.0
        self._report = report
        self._control = control
        self._throttle = Throttle()
        self._last_stage: Stage | None = None

    def __call__(self, preparing: Preparing) -> None:
        paused = self._control.paused
        if paused:
            self._pause()
        self._control.check()
        if self._throttle.due() or preparing.stage is not self._last_stage or paused:
            self._last_stage = preparing.stage
            self._report(preparing)

    def _pause(self) -> None:
        paused_at_s = time.monotonic()
        self._report(Paused(0, 0))
        self._control.wait_while_paused()
        self.paused_s += time.monotonic() - paused_at_s


@dataclass(frozen=True, slots=True)
class _Ready:
    """A job about to be trained, and the number of threads that share out each operation on the CPU."""

    trainer: Trainer
    model: Gpt2
    threads: int


def _prepare(
    request: TrainRequest,
    directory: Path,
    devices_dir: Path | None,
    device: Device,
    report: Report,
    control: Control,
) -> _Ready:
    job_model = open_model(request.model, _Preparation(report, control))
    tokens = _load_tokens(request, directory, job_model, report, control)
    loading_since_s = time.monotonic()
    report(Preparing(1.0, Stage.LOADING_MODEL))
    model = job_model.build(job_model.shape(tokens.vocab_size), dropout=not request.replay)
    cpu_plan = CpuPlan(device.compute_dtype, torch.get_num_threads())
    if request.replay and device.compute_dtype == torch.float16:  # whose scale is no part of the state
        device = replace(device, compute_dtype=torch.float32)
    if not device.is_cuda and not request.deterministic and not request.replay:
        cpu_plan = fastest_on_cpu(model)
        device = replace(device, compute_dtype=cpu_plan.precision)
    log.info("training on %s: %s", device.name, cpu_plan)
    trainer = _make_trainer(
        request,
        directory,
        devices_dir,
        job_model,
        tokens,
        model,
        device,
        report,
        control,
        BatchThreads(cpu_plan.batch_threads),
        loading_since_s,
    )
    return _Ready(trainer, model, cpu_plan.threads)


def _load_tokens(
    request: TrainRequest, directory: Path, job_model: JobModel, report: Report, control: Control
) -> TokenisedDataset:
    preparation = _Preparation(report, control)
    tokens = load_tokens(
        directory / request.dataset,
        directory / _TOKENS,
        replace(job_model.token_source(request.language), part=request.part, parts=request.parts),
        preparation,
    )
    if tokens.made_in_s is None:
        return tokens
    return replace(tokens, made_in_s=tokens.made_in_s - preparation.paused_s)


def _make_trainer(
    request: TrainRequest,
    directory: Path,
    devices_dir: Path | None,
    job_model: JobModel,
    tokens: TokenisedDataset,
    model: Gpt2,
    device: Device,
    report: Report,
    control: Control,
    batch_threads: BatchThreads,
    loading_since_s: float,
) -> Trainer:
    spec = job_model.spec
    plan = _plan(request, spec, (directory / request.dataset).stat().st_size)
    fingerprint: dict[str, str | int] = {
        "dataset": tokens.digest,
        "language": request.language,
        "model": spec.name,
        "vocab_size": tokens.vocab_size,
        "blocks": len(tokens.train),
        "epochs": request.epochs,
        "seed": request.seed,
    }
    is_shared = request.parts > 1
    if is_shared:
        fingerprint |= {"part": request.part, "parts": request.parts}
    if request.averaging != "fp32":
        fingerprint["averaging"] = request.averaging
    end = MemberEnd(directory, request.averaging == "int8")
    found_before = FoundBefore(devices_dir, device, spec.name, tokens.train.shape[1])
    make = partial(PartTrainer, request.part, end) if is_shared else Trainer
    return make(
        model=model,
        tokens=tokens,
        plan=plan,
        store=CheckpointStore(directory / "checkpoints", fingerprint, *([is_average] if is_shared else [])),
        device=device,
        report=report,
        control=control,
        set_initial_weights=lambda fresh: job_model.set_initial_weights(fresh, request.seed),
        batch_threads=batch_threads,
        loading_since_s=loading_since_s,
        micro_batch=MicroBatch(min(plan.batch_size, len(tokens.train)), device, found_before),
        states=_states(request, directory, device) if request.replay else None,
    )


def _states(request: TrainRequest, directory: Path, device: Device) -> StateKeeper:
    return StateKeeper(directory / STATES_DIRECTORY, request.epochs, kind_of(device))


def _plan(request: TrainRequest, spec: ModelSpec, dataset_bytes: int) -> Plan:
    return Plan(
        epochs=request.epochs,
        batch_size=(not request.replay and request.batch_size) or spec.batch_for(dataset_bytes),
        learning_rate=(not request.replay and request.learning_rate) or spec.learning_rate,
        seed=request.seed,
        saving=SavingLimits(
            every_s=request.checkpoint_every_s,
            cost_share=request.checkpoint_share,
            gap_s=request.checkpoint_gap_s,
            bytes_a_day=request.checkpoint_bytes_a_day,
        ),
        saves_moments=request.checkpoint_moments or request.replay,
        release_on_pause=request.release_on_pause,
        back_to_best=spec.pretrained,
        quick_steps=request.quick_steps and not request.replay,
        by_rule=request.replay,
    )


def _write_result(
    request: TrainRequest, directory: Path, trainer: Trainer, model: Gpt2, valid_loss: float, control: Control
) -> ResultWritten:
    try:
        hash_hex = control.wait_for_hash()
    except StopRequested:
        trainer.keep()
        raise
    path = directory / RESULT_NAME
    states = trainer.commitment() if request.replay else ""
    size_bytes = save_result(path, request.epochs, model.export_weights(), valid_loss, hash_hex, states)
    return ResultWritten(RESULT_NAME, size_bytes)
