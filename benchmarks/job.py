"""`job`: a whole job from text file to result file, ours against the reference's and a `Trainer` user's.

Each side runs in its own process, already started, and takes turns with the others. The results are then read
and measured as a verifier would, outside the measured time. Between the jobs of a round, a process of its own
takes the time of the matrix products alone of a step such as ours takes: what nothing can spare a job.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.processes import SideProcess, closing_all
from benchmarks.report import Goal, Report, json_option, narrate, show, threads_option
from benchmarks.rounds import Machine, Ratios, ratios, rotated, this_machine
from benchmarks.training.job_sides import KEY, SIDES, Do, Done, do_jobs
from benchmarks.training.products import ProductsTask, ProductsTimes, multiply_steps
from emeth_tui.devnet.bots.texts import MIN_TEXT_BYTES, load_corpus
from emeth_tui.model import Language
from emeth_tui.protocol import hash_chain
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.files.models import DEVNET_SMALL, model_spec
from emeth_tui.training.model.gpt2 import Gpt2Shape
from emeth_tui.training.run.evaluation import Evaluator

_OURS = "ours"
_WARM_UP_EPOCHS = 1
_GOALS = {"reference": 3.0, "hf": 1.0}  # how many times as fast ours should be
_BOUND_GOAL = 1.25  # times the job's matrix products alone
_GOAL_EPOCHS, _GOAL_BYTES = 30, 60_000  # the goals do not apply to smaller jobs

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JobSetup:
    """The job that all sides do."""

    rounds: int = 3
    epochs: int = 30  # protocol.md §2: at least 30 to be verified
    size_bytes: int = 65_536
    language: str = "en"
    corpus: str | None = None  # None: the texts that ship
    threads: int | None = None  # None: one a core


@dataclass(frozen=True, slots=True)
class SideJob:
    """One job of one side: seconds from text to result, and the result's validation loss."""

    seconds: float
    cpu_s: float
    peak_bytes: int | None
    valid_loss: float


@dataclass(frozen=True, slots=True)
class JobResult:
    """All rounds, each a job of every side with the same seed; `dataset_bytes` is the actual size."""

    setup: JobSetup
    machine: Machine
    dataset_bytes: int
    untrained_loss: float
    rounds: list[dict[str, SideJob]]
    products_s: list[float]  # by round: of all of our job's matrix products

    def speed(self, side: str) -> Ratios:
        """Return how many times as fast as this side ours was."""
        return ratios([each[side].seconds / each[_OURS].seconds for each in self.rounds])

    def cpu(self, side: str) -> Ratios:
        """Return the same for CPU time."""
        return ratios([each[side].cpu_s / each[_OURS].cpu_s for each in self.rounds])

    @property
    def over_products(self) -> Ratios:
        """Return how many times as long our job took as its matrix products alone."""
        return ratios(
            [each[_OURS].seconds / alone for each, alone in zip(self.rounds, self.products_s, strict=True)]
        )

    def valid_loss(self, side: str) -> float:
        """Return the mean over the rounds."""
        return statistics.fmean(each[side].valid_loss for each in self.rounds)


def measure(setup: JobSetup, narrate: Narrate) -> JobResult:
    """Run all rounds, each with another seed; the sides take turns at going first. Raise SideFailed."""
    corpus = load_corpus(Path(setup.corpus) if setup.corpus else None)
    processes: list[SideProcess] = []
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory, closing_all(processes):
        dataset = Path(directory) / "dataset.txt"
        dataset.write_bytes(corpus.cut(Language(setup.language), setup.size_bytes, random.Random(0)))
        evaluator = Evaluator(DEVNET_SMALL, setup.language, dataset)
        task = _products_task(evaluator.shape)
        processes.extend(SideProcess(name, do_jobs, name, setup.threads) for name in SIDES)
        processes.append(SideProcess("matrix products", multiply_steps, task, setup.threads))
        *sides, products = processes
        for side in sides:
            side.ask(_order(setup, dataset, Path(directory) / "warm-up" / side.name, 0, _WARM_UP_EPOCHS))
        rounds, products_s = [], []
        for seed in range(setup.rounds):
            place = Path(directory) / str(seed)
            jobs, alone_s = _round(setup, dataset, place, seed, sides, products, evaluator)
            rounds.append(jobs)
            products_s.append(alone_s)
            narrate(f"{_line(seed + 1, jobs)}; the matrix products of ours alone {alone_s:.1f} s")
        dataset_bytes, untrained_loss = dataset.stat().st_size, evaluator.untrained_loss()
    return JobResult(setup, this_machine(), dataset_bytes, untrained_loss, rounds, products_s)


def _products_task(shape: Gpt2Shape) -> ProductsTask:
    spec = model_spec(DEVNET_SMALL)
    return ProductsTask(shape, spec.batch_size, spec.block_tokens)


def _order(setup: JobSetup, dataset: Path, directory: Path, seed: int, epochs: int) -> Do:
    return Do(setup.language, epochs, dataset, directory, seed)


def _round(
    setup: JobSetup,
    dataset: Path,
    directory: Path,
    seed: int,
    sides: list[SideProcess],
    products: SideProcess,
    evaluator: Evaluator,
) -> tuple[dict[str, SideJob], float]:
    """Return each side's job, and the seconds of our job's matrix products, measured before and after it."""
    done: dict[str, Done] = {}
    times: list[ProductsTimes] = []
    for side in rotated(sides, seed):
        order = _order(setup, dataset, directory / side.name, seed, setup.epochs)
        if side.name == _OURS:
            times.append(products.ask(None))
        done[side.name] = side.ask(order)
        if side.name == _OURS:
            times.append(products.ask(None))
    losses = {
        name: _verified_loss(each.path, setup.epochs, dataset, evaluator) for name, each in done.items()
    }
    jobs = {
        side.name: SideJob(
            done[side.name].seconds, done[side.name].cpu_s, done[side.name].peak_bytes, losses[side.name]
        )
        for side in sides
    }
    ours = done[_OURS]
    return jobs, statistics.fmean(each.of_job(ours.steps, ours.validated_batches) for each in times)


def _verified_loss(path: Path, epochs: int, dataset: Path, evaluator: Evaluator) -> float:
    """Return the validation loss of a result. Raise RuntimeError when it is not this job's."""
    result = load_result(path, evaluator.tensor_shapes)
    expected = hash_chain.links(dataset.read_text("utf-8"), KEY, epochs)[-1]
    if result.epochs != epochs or result.hash_hex != expected:
        raise RuntimeError(f"the result at {path} is not that of {epochs} epochs on this dataset")
    return evaluator.loss(result.state_dict)


def _line(number: int, each: dict[str, SideJob]) -> str:
    return f"round {number}: " + ", ".join(
        f"{name} {side.seconds:.1f} s (loss {side.valid_loss:.4f})" for name, side in each.items()
    )


_DEFAULTS = JobSetup()
_COUNT = click.IntRange(min=1)


@click.command("job", help="A whole job with the devnet model, from text file to result file.")
@click.option("--rounds", type=_COUNT, default=_DEFAULTS.rounds, show_default=True)
@click.option("--epochs", type=_COUNT, default=_DEFAULTS.epochs, show_default=True)
@click.option(
    "--size-bytes",
    type=click.IntRange(min=MIN_TEXT_BYTES),
    default=_DEFAULTS.size_bytes,
    show_default=True,
    help="At most so much of the text.",
)
@click.option("--language", type=click.Choice(["en", "ja"]), default=_DEFAULTS.language, show_default=True)
@click.option(
    "--corpus",
    type=click.Path(exists=True, file_okay=False, path_type=str),
    help="Directory of *.txt; default: the texts that ship.",
)
@threads_option
@json_option
def command(
    as_json: bool,
    threads: int | None,
    rounds: int,
    epochs: int,
    size_bytes: int,
    language: str,
    corpus: str | None,
) -> None:
    setup = JobSetup(rounds, epochs, size_bytes, language, corpus, threads)
    show(_report(measure(setup, narrate)), as_json)


def _report(result: JobResult) -> Report:
    setup = result.setup
    lines = (
        f"devnet model, {result.dataset_bytes:,} bytes of text ({setup.language}), {setup.epochs} epochs, "
        f"{setup.rounds} interleaved rounds; validation loss untrained: {result.untrained_loss:.4f}",
        f"{'side':<12} {'seconds: median':>16} {'ours is faster by':>24} {'CPU time':>9} {'peak MB':>9} "
        f"{'validation loss':>16}",
        *(_row(name, result) for name in SIDES),
        f"the matrix products of ours alone: {statistics.median(result.products_s):.1f} s; the job takes "
        f"{result.over_products.median:.2f}x as long "
        f"({result.over_products.low:.2f}-{result.over_products.high:.2f})",
    )
    content = dataclasses.asdict(result)
    content["speed"] = {name: dataclasses.asdict(result.speed(name)) for name in SIDES}
    return Report(content, lines, result.machine, _goals(result))


def _row(name: str, result: JobResult) -> str:
    speed, peak = result.speed(name), result.rounds[0][name].peak_bytes
    seconds = statistics.median(each[name].seconds for each in result.rounds)
    return (
        f"{name:<12} {seconds:>16.1f} {f'{speed.median:.2f}x ({speed.low:.2f}-{speed.high:.2f})':>24} "
        f"{f'{result.cpu(name).median:.2f}x':>9} {'unknown' if peak is None else f'{peak / 1e6:,.0f}':>9} "
        f"{result.valid_loss(name):>16.4f}"
    )


def _goals(result: JobResult) -> list[Goal]:
    if result.setup.epochs != _GOAL_EPOCHS or result.dataset_bytes < _GOAL_BYTES:
        return []
    return [
        *(
            Goal(f"whole job, 30 epochs: speed against {name}", target, result.speed(name).median)
            for name, target in _GOALS.items()
        ),
        Goal(
            "whole job, 30 epochs: over its matrix products alone",
            _BOUND_GOAL,
            result.over_products.median,
            at_least=False,
        ),
    ]
