"""`gpu`: all comparisons for an H100 or H200, in one run of under ten minutes.

What is worth most comes first, for the machine may be available for this one run only. The tests that need a
GPU, a minute of them. Then `train` in gpt2-medium's shape at batch 16, against all other sides, and at batch
64, without the reference loops (in fp32 they would take the memory of all others together) and in two groups,
because even the rest do not all fit at once; after each a table of where a step's time goes. Then whole jobs
from cold: a worker process that has just started, no token cache, no compiled kernels, an empty work
directory. At last batch 3, where steps are so small that the host is what they wait for. No hub is needed:
the weights are random, the tokenizer is trained on the text.

A failure is recorded and the rest continues; what has not started in time is left out, what is not done soon
after is aborted, and the goals are always printed.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import click
import torch

from benchmarks.deadline import Deadline
from benchmarks.processes import SideProcess, environment
from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from benchmarks.texts import write_grown
from benchmarks.training.command import report as training_report
from benchmarks.training.local_model import write_model
from benchmarks.training.train import CUDA_SIDES, OURS, SideResult, TrainResult, TrainSetup
from benchmarks.training.train import measure as measure_training
from benchmarks.training.where import Where, WhereTask, look
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.errors import EmethError
from emeth_tui.model import Language
from emeth_tui.training.files.models import BLOCK_TOKENS
from emeth_tui.training.model.gpt2 import Gpt2Shape
from emeth_tui.training.reports import EpochDone, Prepared, TrainRequest
from emeth_tui.workers.supervisor import Limits, WorkerDirectories, WorkerPool

_LIMIT_S = 600.0
_NOT_BEGUN = "not measured: the time was up before it began"
_LEAVE_S = 1.0  # for a job that is aborted: nobody needs its checkpoint
_LINK = "00" * 32  # no verifier sees these results: any hash will do
_SPEED_GOALS = {16: 115_000.0, 64: 180_000.0}  # tokens/s by batch
_RATIO_GOALS = {"reference": 8.0, "reference-tf32": 3.5, "hf": 1.7, "hf-compiled": 1.15, "nanogpt": 1.05}
# Sides that fit in memory together. Of the large groups, the quickest to measure goes first.
_SMALL_BATCH_GROUPS = (CUDA_SIDES,)
_LARGE_BATCH_GROUPS = ((OURS, "hf"), (OURS, "hf-compiled", "nanogpt"))
_HOST_BOUND_SIDES = (OURS, "hf")
_ROOT = Path(__file__).parents[1]
_TESTS = [_ROOT / "tests/training" / name for name in ("test_on_gpu.py", "model/test_one_pass.py")]
# Without what only other tests need: plugins and web3; and a warning of some other torch fails none of them.
_PYTEST = [
    *("-q", "-c", os.devnull, "--rootdir", str(_ROOT), "--noconftest"),
    *("-p", "tests.training.conftest", "-p", "no:asyncio", "-p", "no:cacheprovider"),
]
_TESTS_S = 90.0

Narrate = Callable[[str], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuJob:
    """A job of `size_bytes` of text that should take at most `goal_s`."""

    size_bytes: int
    goal_s: float


@dataclass(frozen=True, slots=True)
class GpuSetup:
    """What is measured; the defaults are those of the goals."""

    device: str = "cuda:0"
    layers: int = 24
    width: int = 1024
    heads: int = 16
    vocab: int = 50257
    batches: tuple[int, ...] = (16, 64)
    host_bound_batch: int = 3
    rounds: int = 5
    steps: int = 30
    plan_epochs: int = 200  # the rounds are the start of a long job, for which compiling pays
    jobs: tuple[GpuJob, ...] = (GpuJob(1_000_000, 70.0), GpuJob(4_096, 12.0))
    job_epochs: int = 30
    job_batch: int = 64
    begin_within_s: float = 460.0  # what has not started by then is left out: see `Deadline`
    end_within_s: float = 540.0
    warm_up_limit_s: float = 200.0  # a compiler that takes longer would leave the others no time
    tokenizer_vocab: int = 8192  # about 3.5 bytes of English a token, as GPT-2's own
    compile_backend: str = "inductor"
    corpus: str | None = None  # None: the texts that ship


TINY = GpuSetup(
    layers=1,
    width=64,
    heads=1,
    vocab=512,
    batches=(2, 4),
    host_bound_batch=1,
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
class Training:
    """Sides that are measured together, in turns, at one batch size."""

    batch: int
    sides: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name in reports."""
        return f"batch {self.batch}: {', '.join(self.sides)}"


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
    """Everything measured, trainings by title; `failures` are those without any figures."""

    setup: GpuSetup
    machine: Machine
    training: dict[str, TrainResult]
    failures: dict[str, str]
    jobs: list[GpuJobResult]
    wheres: list[Where]
    tests: list[str]  # the last lines of pytest
    seconds: float


def trainings(setup: GpuSetup, batch: int) -> list[Training]:
    """Return the groups of a batch size, in the order in which they are measured."""
    smallest = batch == min(setup.batches)
    return [Training(batch, sides) for sides in (_SMALL_BATCH_GROUPS if smallest else _LARGE_BATCH_GROUPS)]


def measure(setup: GpuSetup, narrate: Narrate) -> GpuResult:
    """Measure all that there is time for. Record failures and continue with the rest."""
    started = time.monotonic()
    run = _Run(setup, narrate, Deadline.within(setup.begin_within_s, setup.end_within_s))
    run.test()
    for batch in setup.batches:
        for training in trainings(setup, batch):
            run.train(training)
        run.look_where(batch)
    run.do_jobs()
    run.train(Training(setup.host_bound_batch, _HOST_BOUND_SIDES))
    run.look_where(setup.host_bound_batch)
    seconds = time.monotonic() - started
    return GpuResult(
        setup, this_machine(), run.training, run.failures, run.jobs, run.wheres, run.tests, seconds
    )


class _Run:
    """One run, and its results so far."""

    def __init__(self, setup: GpuSetup, narrate: Narrate, deadline: Deadline) -> None:
        self.training: dict[str, TrainResult] = {}
        self.failures: dict[str, str] = {}
        self.jobs: list[GpuJobResult] = []
        self.wheres: list[Where] = []
        self.tests: list[str] = []
        self._setup = setup
        self._narrate = narrate
        self._deadline = deadline

    def test(self) -> None:
        """Run the tests that need a GPU, where there is one."""
        if self._setup.device == "cpu":
            return
        self._narrate("the tests that need a GPU")
        command = [sys.executable, "-m", "pytest", *_PYTEST, *map(str, _TESTS)]
        visible = {"CUDA_VISIBLE_DEVICES": self._setup.device.removeprefix("cuda:")}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_TESTS_S,
                check=False,
                cwd=_ROOT,
                env={**visible, **os.environ},
            )
            self.tests = _told_by_pytest(done)
        except (OSError, subprocess.TimeoutExpired) as error:
            self.tests = [_reason(error)]
        for line in self.tests:
            self._narrate(line)

    def train(self, training: Training) -> None:
        """Measure these sides."""
        self._narrate(f"training, {training.title}")
        if self._deadline.passed:
            self._fail(training.title, _NOT_BEGUN)
            return
        try:
            result = measure_training(_train_setup(self._setup, training), self._narrate, self._deadline)
            self.training[training.title] = result
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest goes on
            self._fail(training.title, _reason(error))

    def look_where(self, batch: int) -> None:
        """See where a step's time goes at this batch size."""
        title = f"where a step's time goes, batch {batch}"
        self._narrate(title)
        if self._deadline.passed:
            self._fail(title, _NOT_BEGUN)
            return
        side = SideProcess("where", look, _where_task(self._setup, batch), None, self._setup.device)
        try:
            self.wheres.append(side.hear(self._deadline.left_s()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest goes on
            self._fail(title, _reason(error))
        finally:
            side.close()

    def do_jobs(self) -> None:
        """Measure all jobs, with one model."""
        with tempfile.TemporaryDirectory(prefix="emeth-bench-", ignore_cleanup_errors=True) as name:
            model = Path(name) / "model"
            for job in self._setup.jobs:
                self.jobs.append(self._do_job(job, model))
                self._narrate(_job_row(self._setup, self.jobs[-1]))

    def _do_job(self, job: GpuJob, model: Path) -> GpuJobResult:
        if self._deadline.passed:
            return GpuJobResult(job, None, failure=_NOT_BEGUN)
        try:
            return _measure_job(self._setup, job, model, self._deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest goes on
            return GpuJobResult(job, None, failure=_reason(error))

    def _fail(self, title: str, why: str) -> None:
        self.failures[title] = why
        self._narrate(why)


def _told_by_pytest(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what failed, and the last line; where not all tests ran, also why."""
    lines = done.stdout.splitlines()
    telling: tuple[str, ...] = ("FAILED", "ERROR")
    if done.returncode not in (0, 1):
        telling += ("E  ", "Fatal")  # an import, a crash
        lines = [*done.stderr.splitlines(), *lines, f"pytest ended with exit code {done.returncode}"]
    return [line for line in lines if line.startswith(telling)] + lines[-1:]


def _reason(error: Exception) -> str:
    """Return why a part failed; log an unexpected error with its traceback."""
    if isinstance(error, click.ClickException):
        return error.message
    if isinstance(error, EmethError):
        return str(error)
    log.error("a part failed", exc_info=error)
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}"


def _train_setup(setup: GpuSetup, training: Training) -> TrainSetup:
    return TrainSetup(
        sides=training.sides,
        device=setup.device,
        rounds=setup.rounds,
        steps=setup.steps,
        batch=training.batch,
        layers=setup.layers,
        width=setup.width,
        heads=setup.heads,
        vocab=setup.vocab,
        plan_epochs=setup.plan_epochs,
        compile_backend=setup.compile_backend,
        warm_up_limit_s=setup.warm_up_limit_s,
    )


def _where_task(setup: GpuSetup, batch: int) -> WhereTask:
    shape = Gpt2Shape(setup.layers, setup.heads, setup.width, BLOCK_TOKENS, setup.vocab)
    steps_left = setup.plan_epochs * setup.steps
    return WhereTask(shape, batch, BLOCK_TOKENS, setup.device, setup.steps, steps_left, setup.compile_backend)


def _measure_job(setup: GpuSetup, job: GpuJob, model: Path, deadline: Deadline) -> GpuJobResult:
    text = load_corpus(Path(setup.corpus) if setup.corpus else None).texts[Language.EN]
    if not model.exists():
        shape = Gpt2Shape(setup.layers, setup.heads, setup.width, BLOCK_TOKENS, setup.vocab)
        write_model(model, shape, text, setup.tokenizer_vocab)
    with tempfile.TemporaryDirectory(prefix="emeth-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        write_grown(directory / "dataset.txt", text, job.size_bytes)
        no_kernels = {
            cache: str(directory / cache.lower()) for cache in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
        }
        with environment(no_kernels):
            return anyio.run(_train_cold, setup, job, model, directory, deadline)


async def _train_cold(
    setup: GpuSetup, job: GpuJob, model: Path, directory: Path, deadline: Deadline
) -> GpuJobResult:
    prepared: list[tuple[Prepared, float]] = []
    losses: list[float] = []

    def hear(message: object) -> None:
        if isinstance(message, Prepared):
            prepared.append((message, time.monotonic()))
        elif isinstance(message, EpochDone):
            losses.append(message.valid_loss)

    limits = Limits(stop_s=_LEAVE_S, stop_saving_s=_LEAVE_S)
    directories = WorkerDirectories(directory / "logs", directory.parent)
    pool, born = WorkerPool([setup.device], directories, limits=limits), time.monotonic()
    try:
        with anyio.fail_after(deadline.left_s()):
            await pool.start()
            asked = time.monotonic()
            await pool.workers[0].train(
                _request(setup, model, directory), hash_for=lambda digest, epochs: _LINK, on_message=hear
            )
            seconds = time.monotonic() - asked
    except TimeoutError:
        return GpuJobResult(job, None, failure="not done when the time was up")
    finally:
        await pool.close(_LEAVE_S)
    event, prepared_at = prepared[-1]
    return GpuJobResult(job, seconds, asked - born, event.tokens, prepared_at - asked, losses[-1])


def _request(setup: GpuSetup, model: Path, directory: Path) -> TrainRequest:
    return TrainRequest(
        job_id="0x" + "be" * 16,
        language="en",
        epochs=setup.job_epochs,
        directory=directory.name,
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
    """Format a result for people and machines."""
    name = torch.cuda.get_device_name(0) if result.setup.device != "cpu" else "cpu"
    lines = [f"{name}, torch's CUDA {torch.version.cuda}, {result.seconds:.0f} s in all"]
    lines.extend(f"tests on the GPU: {line}" for line in result.tests)
    for each in result.training.values():
        lines.extend(training_report(each).lines)
    for where in result.wheres:
        lines.extend(where.lines)
    lines.extend(f"{title}: failed: {why}" for title, why in result.failures.items())
    lines.extend(_job_row(result.setup, job) for job in result.jobs)
    content = dataclasses.asdict(result)
    return Report({**content, "gpu": name}, lines, result.machine, goals(result))


def goals(result: GpuResult) -> list[Goal]:
    """Return every goal; after a failure, as not measured. A tiny model's are shown too, but mean nothing."""
    setup = result.setup
    return [
        *(goal for batch in setup.batches for goal in _speed_goals(batch, result)),
        *(
            Goal(_job_name(setup, each.job), each.job.goal_s, each.seconds, "s", at_least=False)
            for each in result.jobs
        ),
        Goal("gpu: this whole run", _LIMIT_S, result.seconds, "s", at_least=False),
    ]


def _speed_goals(batch: int, result: GpuResult) -> list[Goal]:
    groups = trainings(result.setup, batch)
    found: dict[str, SideResult] = {}
    for group in reversed(groups):  # ours is in every one: the first counts
        if group.title in result.training:
            found |= result.training[group.title].sides
    goals = []
    if batch in _SPEED_GOALS:
        speed = found[OURS].tokens_per_s.median if found else None
        goals.append(Goal(f"gpu, batch {batch}: tokens/s", _SPEED_GOALS[batch], speed, "tokens/s"))
    others = {side for group in groups for side in group.sides} - {OURS}
    for side in (side for side in CUDA_SIDES if side in others):
        ratio = found[side].speed.median if side in found else None
        goals.append(Goal(f"gpu, batch {batch}: speed against {side}", _RATIO_GOALS[side], ratio))
    return goals


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
