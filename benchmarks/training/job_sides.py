"""The sides that do whole jobs in the child processes of `job`: ours, the reference, Hugging Face.

Each `Do` from the parent is answered by `Done`. Our side is `emeth_tui.training.job.run`, as a worker process
calls it: it validates in every epoch and writes checkpoints, which the others do not.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.processes import PeakMemory
from benchmarks.rounds import Stopwatch
from benchmarks.texts import place_dataset
from benchmarks.training import reference
from emeth_tui.protocol import hash_chain
from emeth_tui.training import job
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.models import DEVNET_SMALL, model_spec
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import EpochDone, Event, Prepared, ResultWritten, Trained, TrainRequest

KEY = "benchmark"  # all sides' verification key: any string will do
_HUGGING_FACE = "hf"


@dataclass(frozen=True, slots=True)
class Do:
    """One job, from the text file at `dataset`, in a directory of its own."""

    language: str
    epochs: int
    dataset: Path
    directory: Path
    seed: int


@dataclass(frozen=True, slots=True)
class Done:
    """Wall-clock and CPU seconds from the text to the result at `path`, and the peak memory.

    `steps` and `validated_batches` are ours alone: how much was trained and validated in all.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int | None
    path: Path
    steps: float = 0.0
    validated_batches: float = 0.0


def do_jobs(connection: Connection, side: str) -> None:
    """Run a side's process: one job for each `Do`, until the parent hangs up."""
    reference.load_transformers()
    if side == _HUGGING_FACE:
        importlib.import_module("benchmarks.training.hugging_face")  # its time and memory are not the job's
    memory = PeakMemory(open_device("cpu").torch_device)
    while True:
        order: Do = connection.recv()
        memory.start()
        watch = Stopwatch()
        result = SIDES[side](order)
        seconds, cpu_s = watch.lap()
        connection.send(
            Done(seconds, cpu_s, memory.read(), result.path, result.steps, result.validated_batches)
        )


@dataclass(frozen=True, slots=True)
class SideResult:
    """What a side's job left, and how much it took."""

    path: Path
    steps: float = 0.0
    validated_batches: float = 0.0


class Parent:
    """Stands in for a worker's parent: makes the hash chain's links as epochs are reported."""

    def __init__(self) -> None:
        self.control = Control()
        self.result_name = ""
        self.prepared: Prepared | None = None
        self._digest = ""
        self._link = ""

    def hear(self, event: Event) -> None:
        """Act on an event as a worker's parent does."""
        match event:
            case Prepared():
                self.prepared = event
                self._digest = event.dataset_digest
            case EpochDone(epoch=1):
                self._link = hash_chain.first_link(self._digest, KEY)
            case EpochDone():
                self._link = hash_chain.next_link(self._link, event.epoch, KEY)
            case Trained():
                self.control.write_result(self._link)
            case ResultWritten():
                self.result_name = event.name
            case _:
                pass


def _ours(order: Do) -> SideResult:
    request = TrainRequest(
        job_id="0x" + "be" * 16,
        language=order.language,
        epochs=order.epochs,
        directory=order.directory.name,
        model=DEVNET_SMALL,
        seed=order.seed,
    )
    parent = Parent()
    place_dataset(order.dataset, order.directory)
    job.run(request, order.directory.parent, open_device("cpu"), parent.hear, parent.control)
    assert parent.prepared is not None
    spec = model_spec(DEVNET_SMALL)
    batch_tokens = spec.batch_size * spec.block_tokens
    return SideResult(
        order.directory / parent.result_name,
        order.epochs * parent.prepared.tokens / batch_tokens,
        order.epochs * parent.prepared.valid_tokens / batch_tokens,
    )


def _plan(order: Do) -> reference.LoopPlan:
    spec = model_spec(DEVNET_SMALL)
    return reference.LoopPlan(order.epochs, spec.batch_size, spec.learning_rate, order.seed)


def _reference(order: Do) -> SideResult:
    spec = model_spec(DEVNET_SMALL)
    plan = _plan(order)
    return SideResult(reference.run_job(spec, order.language, order.dataset, order.directory, plan, KEY))


def _hugging_face(order: Do) -> SideResult:
    from benchmarks.training import hugging_face

    spec = model_spec(DEVNET_SMALL)
    plan = _plan(order)
    return SideResult(hugging_face.run_job(spec, order.language, order.dataset, order.directory, plan, KEY))


SIDES: dict[str, Callable[[Do], SideResult]] = {
    "ours": _ours,
    "reference": _reference,
    _HUGGING_FACE: _hugging_face,
}
