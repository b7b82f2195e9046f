"""The sides that train in the child processes of `train`: ours, the reference, Hugging Face, a nanoGPT style.

The parent sends `Begin` with a seed (answered by `Ready`), then `Go` for every epoch (answered by `Turn`),
then `End` (answered by `Final`); then perhaps the next `Begin`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.processes import PeakMemory, synchronise
from benchmarks.rounds import Stopwatch
from benchmarks.training.data import Tokens
from benchmarks.training.nanogpt import NanoGpt, NanoGptLoop
from benchmarks.training.reference import LoopPlan, ReferenceLoop, load_transformers, make_model
from emeth_tui.training.data.dataset import TokenisedDataset
from emeth_tui.training.devices import Device, open_device, set_threads
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.job_control import Control, StopRequested
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.reports import EpochDone, Event, OutOfMemory, Prepared
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.cpu_trial import CpuPlan, fastest_on_cpu
from emeth_tui.training.run.evaluation import mean_loss
from emeth_tui.training.run.loop import Trainer
from emeth_tui.training.run.state import Plan, SavingLimits

Weights = Mapping[str, Tensor]
_PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
_HUGGING_FACE = "hugging-face"


@dataclass(frozen=True, slots=True)
class Task:
    """What every side of a run trains; `loop` and `tf32` say how this side trains it."""

    loop: str
    shape: Gpt2Shape
    tokens: Tokens
    plan: LoopPlan
    dropout: float
    device: str = "cpu"
    tf32: bool = False  # matrix products of fp32 numbers in TF32
    compile_backend: str | None = None  # None: not compiled; ours decides for itself
    as_shipped: bool = True  # ours picks its precision as in a job; else fp32 on a CPU


@dataclass(frozen=True, slots=True)
class Begin:
    """Start over from the initial weights of `seed`."""

    seed: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The weights are ready; matrices will be multiplied in `precision`."""

    precision: str


@dataclass(frozen=True, slots=True)
class Go:
    """Train one epoch."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One epoch is trained: wall-clock seconds and the process's CPU seconds."""

    seconds: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class End:
    """Stop training and evaluate."""


@dataclass(frozen=True, slots=True)
class Final:
    """The loss on held-out tokens, measured in fp32 by the same code for every side; the peak memory."""

    held_out_loss: float
    peak_bytes: int | None


class Turns:
    """Lets a loop train the next epoch when the parent asks for it, and times it."""

    def __init__(self, connection: Connection, memory: PeakMemory, device: torch.device) -> None:
        self._connection = connection
        self._memory = memory
        self._device = device
        self._watch: Stopwatch | None = None
        self.precision = "fp32"
        self.peak_bytes: int | None = None

    def go_on(self) -> bool:
        """Report the previous epoch and wait; call it before each epoch. Return False to stop training."""
        if self._watch is None:
            self._memory.start()
            self._connection.send(Ready(self.precision))
        else:
            synchronise(self._device)
            self._connection.send(Turn(*self._watch.lap()))
        wanted = isinstance(self._connection.recv(), Go)
        self._watch = Stopwatch()
        if not wanted:
            self.peak_bytes = self._memory.read()
        return wanted


def train(connection: Connection, task: Task) -> None:
    """Run a side's process: one training for each `Begin`, until the parent hangs up."""
    device = open_device("cuda:0" if task.device.startswith("cuda") else "cpu")
    load_transformers()
    if task.loop == _HUGGING_FACE:
        importlib.import_module("benchmarks.training.hugging_face")  # not part of the training
    memory = PeakMemory(device.torch_device)
    while True:
        begin: Begin = connection.recv()
        torch.set_float32_matmul_precision("high" if task.tf32 and device.is_cuda else "highest")
        run = dataclasses.replace(task, plan=dataclasses.replace(task.plan, seed=begin.seed))
        turns = Turns(connection, memory, device.torch_device)
        turns.precision = _precision(task, device)
        weights = _LOOPS[task.loop](run, device, turns)
        connection.send(Final(_held_out_loss(run, weights, device), turns.peak_bytes))


class _NoCheckpoints(CheckpointStore):
    """Writes nothing, not even when training is stopped; `job` and `resume` measure with checkpoints."""

    def save(self, epoch: int, blocks_done: int, state: Mapping[str, Any]) -> Path:
        return Path()


def _precision(task: Task, device: Device) -> str:
    if task.loop == "reference":
        return "tf32" if task.tf32 and device.is_cuda else "fp32"
    return "bf16" if device.is_cuda else "fp32"


def _ours(task: Task, device: Device, turns: Turns) -> Weights:
    model = Gpt2(task.shape, task.dropout)
    control = Control()
    cpu_plan = CpuPlan()
    if task.as_shipped and not device.is_cuda:  # as in `training.job`
        model.initialise(task.plan.seed)
        cpu_plan = fastest_on_cpu(model)
        set_threads(cpu_plan.threads)
        device = dataclasses.replace(device, compute_dtype=cpu_plan.precision)
    turns.precision = _PRECISION_NAMES[device.compute_dtype]

    def report(event: Event) -> None:
        _refuse_less_memory(event)
        if isinstance(event, (Prepared, EpochDone)) and not turns.go_on():
            control.stop()

    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory:
        trainer = Trainer(
            model=model,
            tokens=_our_tokens(task),
            plan=_our_plan(task.plan),
            store=_NoCheckpoints(Path(directory), {}),
            device=device,
            report=report,
            control=control,
            set_initial_weights=lambda fresh: fresh.initialise(task.plan.seed),
            batch_threads=BatchThreads(cpu_plan.batch_threads),
        )
        # Stopped when the parent asks for no further epoch.
        with contextlib.closing(trainer), contextlib.suppress(StopRequested):
            trainer.run()
    return model.export_weights()


def _refuse_less_memory(event: Event) -> None:
    """Abort where ours would continue with smaller micro batches, which would measure something else."""
    if isinstance(event, OutOfMemory):
        raise MemoryError(
            f"the GPU's memory ran out: it would go on with micro batches of {event.micro_batch} blocks"
        )


def _our_tokens(task: Task) -> TokenisedDataset:
    # Our loop validates after each epoch, the others never do: two tokens are the minimum.
    train = task.tokens.train
    return TokenisedDataset(digest="", vocab_size=task.shape.vocab_size, train=train, valid=train[:1, :2])


def _our_plan(plan: LoopPlan) -> Plan:
    epochs, batch_size, rate, seed = plan.epochs, plan.batch_size, plan.learning_rate, plan.seed
    return Plan(epochs, batch_size, rate, seed, SavingLimits(cost_share=0.0))


def _reference(task: Task, device: Device, turns: Turns) -> Weights:
    model = make_model(task.shape, task.dropout, task.dropout, _initial_weights(task))
    nn.Module.to(model, device.torch_device)
    torch.manual_seed(task.plan.seed)
    with tempfile.TemporaryFile("w", encoding="utf-8") as log_file:
        loop = ReferenceLoop(model, task.plan, log_file)
        _train_epochs(task, turns, loop.train_epoch)
    weights: Weights = model.state_dict()
    return weights


def _hugging_face(task: Task, device: Device, turns: Turns) -> Weights:
    from benchmarks.training import hugging_face

    model = make_model(task.shape, task.dropout, task.dropout, _initial_weights(task), attention="sdpa")
    fast = hugging_face.Fast(device.torch_device, task.compile_backend)
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory:
        hugging_face.train(model, task.tokens.train, task.plan, fast, Path(directory), turns.go_on)
    weights: Weights = model.state_dict()
    return weights


def _nanogpt(task: Task, device: Device, turns: Turns) -> Weights:
    model = NanoGpt(task.shape, task.dropout)
    model.import_weights(_initial_weights(task))
    model.to(device.torch_device)
    torch.manual_seed(task.plan.seed)
    loop = NanoGptLoop(model, task.plan, device.torch_device, task.compile_backend)
    _train_epochs(task, turns, loop.train_epoch)
    return model.export_weights()


def _train_epochs(task: Task, turns: Turns, train_epoch: Callable[[int, Any], object]) -> None:
    epoch = 0
    while turns.go_on():
        train_epoch(epoch, task.tokens.train)
        epoch += 1


def _initial_weights(task: Task) -> Weights:
    model = Gpt2(task.shape, task.dropout)
    model.initialise(task.plan.seed)
    return model.export_weights()


def _held_out_loss(task: Task, weights: Weights, device: Device) -> float:
    torch.set_float32_matmul_precision("highest")  # whatever the side trained in: no TF32
    model = Gpt2(task.shape, task.dropout)
    model.import_weights(weights)
    in_fp32 = dataclasses.replace(device, compute_dtype=torch.float32)
    return mean_loss(model.to(device.torch_device), task.tokens.held_out, in_fp32)


_LOOPS: dict[str, Callable[[Task, Device, Turns], Weights]] = {
    "ours": _ours,
    "reference": _reference,
    _HUGGING_FACE: _hugging_face,
    "nanogpt": _nanogpt,
}
