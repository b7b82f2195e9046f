"""`gpu`: everything that is to be shown on an H100 or H200, in one run of under ten minutes.

First `train` in gpt2-medium's shape at a small and a large batch, against all other sides (the reference
loops only at the small one: in fp32 they would take the memory of all others together). Then whole jobs
from cold: a worker process that has just started, no token cache, no compiled kernels, an empty work
directory. No hub is needed: weights are drawn at random, the tokenizer is trained on the text.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import click
import torch

from benchmarks.local_model import write_model
from benchmarks.processes import environment
from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from benchmarks.texts import write_grown
from benchmarks.train import CUDA_SIDES, OURS, TrainResult, TrainSetup
from benchmarks.train import measure as measure_training
from benchmarks.train_command import report as training_report
from emeth_tui.devnet.texts import load_corpus
from emeth_tui.errors import EmethError
from emeth_tui.model import Language
from emeth_tui.training.events import EpochDone, Prepared, TrainRequest
from emeth_tui.workers.supervisor import WorkerPool

_LIMIT_S = 600.0
_LINK = "00" * 32  # no verifier sees these results: any hash will do
_SPEED_GOALS = {16: 115_000.0, 64: 180_000.0}  # tokens/s by batch
_RATIO_GOALS = {"reference": 8.0, "reference-tf32": 3.5, "hf": 1.7, "hf-compiled": 1.15, "nanogpt": 1.05}

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GpuJob:
    """A job of `size_bytes` of text that is to take at most `goal_s`."""

    size_bytes: int
    goal_s: float


@dataclass(frozen=True, slots=True)
class GpuSetup:
    """What is measured; by default what the goals speak of."""

    device: str = "cuda:0"
    layers: int = 24
    width: int = 1024
    heads: int = 16
    vocab: int = 50257
    batches: tuple[int, ...] = (16, 64)
    rounds: int = 5
    steps: int = 30
    plan_epochs: int = 200  # the rounds are the beginning of a long job, for which compiling pays
    jobs: tuple[GpuJob, ...] = (GpuJob(1_000_000, 70.0), GpuJob(4_096, 12.0))
    job_epochs: int = 30
    job_batch: int = 64
    tokenizer_vocab: int = 8192  # about 3.5 bytes of English a token, as GPT-2's own
    compile_backend: str = "inductor"
    corpus: str | None = None  # None: the texts that ship


TINY = GpuSetup(
    layers=1,
    width=64,
    heads=1,
    vocab=512,
    batches=(2, 4),
    rounds=1,
    steps=1,
    plan_epochs=4,
    jobs=(GpuJob(4_096, 12.0),),
    job_epochs=1,
    job_batch=4,
    tokenizer_vocab=400,
    compile_backend="eager",
)


@dataclass(frozen=True, slots=True)
class GpuJobResult:
    """A job from the request to the result file; the worker's start is not in `seconds`."""

    job: GpuJob
    seconds: float | None  # None: it failed, for `failure`
    worker_start_s: float = 0.0
    tokens: int = 0
    until_first_step_s: float = 0.0
    valid_loss: float | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class GpuResult:
    """Everything; `failures` are trainings of which nothing is known, by batch."""

    setup: GpuSetup
    machine: Machine
    training: dict[int, TrainResult]
    failures: dict[int, str]
    jobs: list[GpuJobResult]
    seconds: float


def measure(setup: GpuSetup, narrate: Narrate) -> GpuResult:
    """Measure all. What fails is noted and the rest goes on: the machine may be lent for this one run."""
    started = time.monotonic()
    training: dict[int, TrainResult] = {}
    failures: dict[int, str] = {}
    for batch in setup.batches:
        narrate(f"training, batch {batch}:")
        try:
            training[batch] = measure_training(_train_setup(setup, batch), narrate)
        except click.ClickException as error:
            failures[batch] = error.message
            narrate(error.message)
    jobs = _measure_jobs(setup, narrate)
    return GpuResult(setup, this_machine(), training, failures, jobs, time.monotonic() - started)


def _train_setup(setup: GpuSetup, batch: int) -> TrainSetup:
    smallest = batch == min(setup.batches)
    return TrainSetup(
        sides=tuple(side for side in CUDA_SIDES if smallest or not side.startswith("reference")),
        device=setup.device,
        rounds=setup.rounds,
        steps=setup.steps,
        batch=batch,
        layers=setup.layers,
        width=setup.width,
        heads=setup.heads,
        vocab=setup.vocab,
        plan_epochs=setup.plan_epochs,
        compile_backend=setup.compile_backend,
    )


def _measure_jobs(setup: GpuSetup, narrate: Narrate) -> list[GpuJobResult]:
    text = load_corpus(Path(setup.corpus) if setup.corpus else None).texts[Language.EN]
    results = []
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as name:
        model = Path(name) / "model"
        shape = _train_setup(setup, setup.batches[0]).shape
        write_model(model, shape, text, setup.tokenizer_vocab)
        for job in setup.jobs:
            directory = Path(name) / str(job.size_bytes)
            directory.mkdir()
            write_grown(directory / "dataset.txt", text, job.size_bytes)
            results.append(_measure_job(setup, job, model, directory))
            narrate(_job_row(setup, results[-1]))
    return results


def _measure_job(setup: GpuSetup, job: GpuJob, model: Path, directory: Path) -> GpuJobResult:
    no_kernels = {
        name: str(directory / name.lower()) for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    }
    try:
        with environment(no_kernels):
            return anyio.run(_train_cold, setup, job, model, directory)
    except EmethError as error:
        return GpuJobResult(job, None, failure=str(error))


async def _train_cold(setup: GpuSetup, job: GpuJob, model: Path, directory: Path) -> GpuJobResult:
    prepared: list[tuple[Prepared, float]] = []
    losses: list[float] = []

    def hear(message: object) -> None:
        if isinstance(message, Prepared):
            prepared.append((message, time.monotonic()))
        elif isinstance(message, EpochDone):
            losses.append(message.valid_loss)

    pool, born = WorkerPool([setup.device], directory / "logs"), time.monotonic()
    await pool.start()
    try:
        asked = time.monotonic()
        await pool.workers[0].train(
            _request(setup, model, directory), hash_for=lambda digest, epochs: _LINK, on_message=hear
        )
        seconds = time.monotonic() - asked
    finally:
        await pool.close(1.0)
    event, prepared_at = prepared[-1]
    return GpuJobResult(job, seconds, asked - born, event.tokens, prepared_at - asked, losses[-1])


def _request(setup: GpuSetup, model: Path, directory: Path) -> TrainRequest:
    return TrainRequest(
        job_id="0x" + "be" * 16,
        language="en",
        epochs=setup.job_epochs,
        dataset_path=str(directory / "dataset.txt"),
        work_dir=str(directory / "work"),
        model=str(model),
        batch_size=setup.job_batch,
    )


@click.command("gpu", help="All GPU comparisons and goals, in under ten minutes on an H100 or H200.")
@click.option(
    "--device", default="cuda:0", show_default=True, help="cuda:N; cpu only makes sense with --tiny."
)
@click.option("--tiny", is_flag=True, help="A tiny model and nothing compiled: tries the instrument.")
@click.option("--corpus", help="Directory of *.txt for the jobs; default: the texts that ship.")
@json_option
def command(as_json: bool, device: str, tiny: bool, corpus: str | None) -> None:
    if device == "cpu" and not tiny:
        raise click.BadParameter("the full size would take a CPU days: add --tiny", param_hint="--device")
    if device != "cpu" and not torch.cuda.is_available():
        raise click.ClickException(
            "gpu: torch sees no CUDA device here: run it where there is one; --device cpu --tiny tries it out"
        )
    setup = dataclasses.replace(TINY if tiny else GpuSetup(), device=device, corpus=corpus)
    show(report(measure(setup, narrate)), as_json)


def report(result: GpuResult) -> Report:
    """Lay out a result for people and machines."""
    name = torch.cuda.get_device_name(0) if result.setup.device != "cpu" else "cpu"
    lines = [f"{name}, torch's CUDA {torch.version.cuda}, {result.seconds:.0f} s in all"]
    for each in result.training.values():
        lines.extend(training_report(each).lines)
    lines.extend(f"training, batch {batch}: failed: {why}" for batch, why in result.failures.items())
    lines.extend(_job_row(result.setup, job) for job in result.jobs)
    content = dataclasses.asdict(result)
    return Report({**content, "gpu": name}, lines, result.machine, goals(result))


def goals(result: GpuResult) -> list[Goal]:
    """Every goal, those of what failed as not measured. A tiny model's are shown too, and mean nothing."""
    setup = result.setup
    return [
        *(goal for batch in setup.batches for goal in _speed_goals(batch, result.training.get(batch), setup)),
        *(
            Goal(_job_name(setup, each.job), each.job.goal_s, each.seconds, "s", at_least=False)
            for each in result.jobs
        ),
        Goal("gpu: this whole run", _LIMIT_S, result.seconds, "s", at_least=False),
    ]


def _speed_goals(batch: int, result: TrainResult | None, setup: GpuSetup) -> list[Goal]:
    sides: Sequence[str] = _train_setup(setup, batch).sides
    found = result.sides if result else {}
    ratio_goals = [
        Goal(
            f"gpu, batch {batch}: speed against {side}",
            _RATIO_GOALS[side],
            found[side].speed.median if side in found else None,
        )
        for side in sides
        if side != OURS
    ]
    if batch not in _SPEED_GOALS:
        return ratio_goals
    speed = found[OURS].tokens_per_s.median if found else None
    return [Goal(f"gpu, batch {batch}: tokens/s", _SPEED_GOALS[batch], speed, "tokens/s"), *ratio_goals]


def _job_name(setup: GpuSetup, job: GpuJob) -> str:
    return f"gpu: {job.size_bytes:,} bytes x {setup.job_epochs} epochs from cold"


def _job_row(setup: GpuSetup, each: GpuJobResult) -> str:
    if each.seconds is None:
        return f"{_job_name(setup, each.job)}: failed: {each.failure}"
    return (
        f"{_job_name(setup, each.job)}, batch {setup.job_batch}: {each.seconds:.1f} s for {each.tokens:,} "
        f"tokens an epoch, {each.until_first_step_s:.1f} s of them before the first step (and "
        f"{each.worker_start_s:.1f} s for the worker's start); validation loss {each.valid_loss:.4f}"
    )
