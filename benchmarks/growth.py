"""`growth`: how cost grows with the text, and with the number of CPU workers.

With the text: each size runs in a separate process, which starts a shipped job and trains for a few seconds;
the epoch's time is computed from the speed, not waited for. With the workers: one real worker process with
all cores does a job, and two that share the cores do one each at the same time.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
import click

from benchmarks.processes import PeakMemory, SideProcess, closing_all
from benchmarks.report import Report, json_option, narrate, show
from benchmarks.rounds import Machine, Ratios, ratios, this_machine
from benchmarks.texts import place_dataset, write_grown
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.model import Language
from emeth_tui.training import job
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.models import DEVNET_SMALL
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import EpochDone, Event, Prepared, Progress, TrainRequest, Work
from emeth_tui.workers.supervisor import Worker, WorkerDirectories, WorkerPool

_MB = 1_000_000
_LINK = "00" * 32  # no verifier sees these results: any hash will do

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GrowthSetup:
    """What is measured. `train_s` bounds the training at each size; `job_*` is the workers' job."""

    sizes_mb: tuple[float, ...] = (1, 4, 16, 64)
    train_s: float = 6.0
    workers: tuple[int, ...] = (1, 2)
    job_bytes: int = 65_536
    job_epochs: int = 3
    rounds: int = 3
    language: str = "en"
    corpus: str | None = None  # None: the texts that ship


@dataclass(frozen=True, slots=True)
class SizeTask:
    """One text to start a job on."""

    dataset: Path
    directory: Path
    language: str
    train_s: float


@dataclass(frozen=True, slots=True)
class SizeResult:
    """The costs of a text of this size; peaks are resident memory above that after imports, in bytes."""

    text_bytes: int
    prepare_s: float  # reading, splitting, making the tokenizer, tokenising, loading the model
    tokens: int
    tokens_per_s: float
    measured_tokens: int
    prepare_peak_bytes: int | None
    peak_bytes: int | None

    @property
    def epoch_s(self) -> float:
        """How many seconds an epoch's training would take at the measured speed."""
        return self.tokens / self.tokens_per_s


@dataclass(frozen=True, slots=True)
class WorkersResult:
    """A number of workers, each with a job at the same time: seconds until all are done, in every round."""

    workers: int
    seconds: list[float]


@dataclass(frozen=True, slots=True)
class GrowthResult:
    """Everything measured; `throughput` is jobs per hour with the most workers over those with the fewest."""

    setup: GrowthSetup
    machine: Machine
    sizes: list[SizeResult]
    workers: list[WorkersResult]
    throughput: Ratios


def measure(setup: GrowthSetup, narrate: Narrate) -> GrowthResult:
    """Measure all sizes, then all numbers of workers. Raise SideFailed, WorkerError."""
    corpus = load_corpus(Path(setup.corpus) if setup.corpus else None)
    text = corpus.texts[Language(setup.language)]
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as name:
        directory = Path(name)
        sizes = [_measure_size(setup, text, size_mb, directory, narrate) for size_mb in setup.sizes_mb]
        dataset = directory / "job.txt"
        write_grown(dataset, text, setup.job_bytes)
        workers = anyio.run(_measure_workers, setup, dataset, directory, narrate)
    return GrowthResult(setup, this_machine(), sizes, workers, _throughput(workers))


def begin_job(connection: Connection, task: SizeTask) -> None:
    """Run a size's process: start the job, train for a while, answer with a SizeResult."""
    control, memory = Control(), PeakMemory(open_device("cpu").torch_device)
    started = time.monotonic()
    prepared: list[tuple[Prepared, float, int | None]] = []
    work = Work()

    def hear(event: Event) -> None:
        nonlocal work
        if isinstance(event, Prepared):
            prepared.append((event, time.monotonic() - started, memory.read()))
        elif isinstance(event, (Progress, EpochDone)):
            work = event.work
            if isinstance(event, EpochDone) or work.trained_s >= task.train_s:
                control.stop()

    place_dataset(task.dataset, task.directory)
    request = _request(task.directory, task.language, 1)
    job.run(request, task.directory.parent, open_device("cpu"), hear, control)
    ((event, prepare_s, prepare_peak),) = prepared
    connection.send(
        SizeResult(
            text_bytes=task.dataset.stat().st_size,
            prepare_s=prepare_s,
            tokens=event.tokens,
            tokens_per_s=work.trained_tokens / work.trained_s,
            measured_tokens=work.trained_tokens,
            prepare_peak_bytes=prepare_peak,
            peak_bytes=memory.read(),
        )
    )


def _measure_size(
    setup: GrowthSetup, text: str, size_mb: float, directory: Path, narrate: Narrate
) -> SizeResult:
    dataset = directory / f"{size_mb}.txt"
    write_grown(dataset, text, int(size_mb * _MB))
    task = SizeTask(dataset, directory / str(size_mb), setup.language, setup.train_s)
    side = SideProcess(f"{size_mb} MB", begin_job, task, threads=None)
    with closing_all([side]):
        result: SizeResult = side.hear()
    dataset.unlink()
    narrate(_size_row(result))
    return result


async def _measure_workers(
    setup: GrowthSetup, dataset: Path, directory: Path, narrate: Narrate
) -> list[WorkersResult]:
    pools = [
        WorkerPool(["cpu"] * count, WorkerDirectories(directory / f"logs-{count}", directory))
        for count in setup.workers
    ]
    seconds: list[list[float]] = [[] for _ in pools]
    try:
        for pool in pools:
            await pool.start()
        for number in range(-1, setup.rounds):
            for pool, taken in zip(pools, seconds, strict=True):
                epochs = setup.job_epochs if number >= 0 else 1  # the first round warms up
                took = await _one_job_each(pool, setup, dataset, directory, number, epochs)
                if number >= 0:
                    taken.append(took)
                    narrate(f"round {number + 1}: {len(pool.workers)} workers, a job each: {took:.1f} s")
    finally:
        for pool in pools:
            await pool.close(1.0)
    return [WorkersResult(count, taken) for count, taken in zip(setup.workers, seconds, strict=True)]


async def _one_job_each(
    pool: WorkerPool, setup: GrowthSetup, dataset: Path, directory: Path, number: int, epochs: int
) -> float:
    async def train(worker: Worker) -> None:
        work_dir = directory / f"{len(pool.workers)}-{number}-{worker.index}"
        place_dataset(dataset, work_dir)
        request = _request(work_dir, setup.language, epochs)
        await worker.train(request, hash_for=lambda digest, done: _LINK, on_message=lambda message: None)

    started = time.monotonic()
    async with anyio.create_task_group() as jobs:
        for worker in pool.workers:
            jobs.start_soon(train, worker)
    return time.monotonic() - started


def _request(work_dir: Path, language: str, epochs: int) -> TrainRequest:
    return TrainRequest(
        job_id="0x" + "be" * 16,
        language=language,
        epochs=epochs,
        directory=work_dir.name,
        model=DEVNET_SMALL,
    )


def _throughput(workers: list[WorkersResult]) -> Ratios:
    few, many = workers[0], workers[-1]
    return ratios(
        [
            (many.workers / several) / (few.workers / one)
            for one, several in zip(few.seconds, many.seconds, strict=True)
        ]
    )


@click.command("growth", help="How cost grows with the size of the text and the number of CPU workers.")
@click.option("--sizes-mb", default="1,4,16,64", show_default=True, help="Sizes of text, in MB.")
@click.option("--train-s", type=click.FloatRange(min=0.1), default=6.0, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Of the workers.")
@click.option("--epochs", type=click.IntRange(min=1), default=3, show_default=True, help="Of their jobs.")
@click.option("--language", type=click.Choice(["en", "ja"]), default="en", show_default=True)
@click.option("--corpus", help="Directory of *.txt to make the texts of; default: what ships.")
@json_option
def command(
    as_json: bool, sizes_mb: str, train_s: float, rounds: int, epochs: int, language: str, corpus: str | None
) -> None:
    try:
        sizes = tuple(float(size) for size in sizes_mb.split(","))
    except ValueError:
        raise click.BadParameter("numbers with commas between them", param_hint="--sizes-mb") from None
    setup = GrowthSetup(sizes, train_s, rounds=rounds, job_epochs=epochs, language=language, corpus=corpus)
    show(report(measure(setup, narrate)), as_json)


def report(result: GrowthResult) -> Report:
    """Format a result for people and machines."""
    setup = result.setup
    lines = [
        f"devnet model; speed measured over {setup.train_s:g} s, the epoch reckoned from it:",
        f"{'text MB':>8} {'until first step s':>19} {'MB/s':>7} {'tokens':>12} {'tokens/s':>10} "
        f"{'epoch s':>9} {'peak MB: preparing':>19} {'in all':>7}",
        *(_size_row(size) for size in result.sizes),
        *(
            f"{each.workers} worker{'s' * (each.workers > 1)}, a job each ({setup.job_bytes:,} bytes, "
            f"{setup.job_epochs} epochs): {statistics.median(each.seconds):.1f} s"
            for each in result.workers
        ),
        f"jobs an hour, {setup.workers[-1]} workers against {setup.workers[0]}: {result.throughput}",
    ]
    content = dataclasses.asdict(result)
    for fields, size in zip(content["sizes"], result.sizes, strict=True):
        fields["epoch_s"] = size.epoch_s
    return Report(content, lines, result.machine)


def _size_row(size: SizeResult) -> str:
    text_mb = size.text_bytes / _MB
    return (
        f"{text_mb:>8.1f} {size.prepare_s:>19.2f} {text_mb / size.prepare_s:>7.1f} {size.tokens:>12,} "
        f"{size.tokens_per_s:>10,.0f} {size.epoch_s:>9,.0f} {_in_mb(size.prepare_peak_bytes):>19} "
        f"{_in_mb(size.peak_bytes):>7}"
    )


def _in_mb(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else f"{size_bytes / _MB:,.0f}"
