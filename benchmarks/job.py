"""`job`: a whole job from text file to result file, ours against the reference's.

Our side is `emeth_tui.training.job.run`, as a worker process calls it: it validates and saves a checkpoint
in every epoch, which the reference does not. Both results are then read and measured the way a verifier
does it, outside of the time.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import reference
from benchmarks.report import Report, json_option, narrate, show, threads_option
from benchmarks.rounds import Machine, Ratios, Stopwatch, ratios, this_machine
from emeth_tui.devnet.texts import MIN_TEXT_BYTES, load_corpus
from emeth_tui.model import Language
from emeth_tui.protocol import hash_chain
from emeth_tui.training import job
from emeth_tui.training.checkpoint import load_result
from emeth_tui.training.control import Control
from emeth_tui.training.devices import open_device, preload, set_threads
from emeth_tui.training.evaluation import Evaluator
from emeth_tui.training.events import EpochDone, Event, Prepared, ResultWritten, Trained, TrainRequest
from emeth_tui.training.models import DEVNET_SMALL, model_spec

_KEY = "benchmark"  # both sides' verification key: any string will do
_WARM_UP_EPOCHS = 1

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JobSetup:
    """The job that both sides do."""

    rounds: int = 3
    epochs: int = 30  # protocol.md §2: at least 30 to be verified
    size_bytes: int = 65_536
    language: str = "en"
    corpus: str | None = None  # None: the texts that ship


@dataclass(frozen=True, slots=True)
class JobRound:
    """One job of each side, with the same seed: seconds from text to result, and the validation loss."""

    ours_s: float
    reference_s: float
    ours_cpu_s: float
    reference_cpu_s: float
    ours_valid_loss: float
    reference_valid_loss: float

    @property
    def ratio(self) -> float:
        return self.reference_s / self.ours_s

    @property
    def cpu_ratio(self) -> float:
        return self.reference_cpu_s / self.ours_cpu_s


@dataclass(frozen=True, slots=True)
class JobResult:
    """All rounds; `dataset_bytes` is what the corpus really yielded."""

    setup: JobSetup
    machine: Machine
    dataset_bytes: int
    untrained_loss: float
    rounds: list[JobRound]
    speed: Ratios
    cpu: Ratios


def measure(setup: JobSetup, narrate: Narrate) -> JobResult:
    """Run all rounds, each with another seed; the sides take turns in going first."""
    preload()
    corpus = load_corpus(Path(setup.corpus) if setup.corpus else None)
    rounds: list[JobRound] = []
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory:
        dataset = Path(directory) / "dataset.txt"
        dataset.write_bytes(corpus.cut(Language(setup.language), setup.size_bytes, random.Random(0)))
        evaluator = Evaluator(DEVNET_SMALL, setup.language, dataset)
        for name, side in (("ours", _ours), ("reference", _reference)):
            side(setup.language, _WARM_UP_EPOCHS, dataset, Path(directory) / f"warm-up-{name}", 0)
        for seed in range(setup.rounds):
            rounds.append(_round(setup, dataset, Path(directory) / str(seed), seed, evaluator))
            narrate(_line(seed + 1, rounds[-1]))
        untrained_loss = evaluator.untrained_loss()
        dataset_bytes = dataset.stat().st_size
    speed = ratios([each.ratio for each in rounds])
    cpu = ratios([each.cpu_ratio for each in rounds])
    return JobResult(setup, this_machine(), dataset_bytes, untrained_loss, rounds, speed, cpu)


def _round(setup: JobSetup, dataset: Path, directory: Path, seed: int, evaluator: Evaluator) -> JobRound:
    sides = [("ours", _ours), ("reference", _reference)]
    seconds: dict[str, tuple[float, float]] = {}
    losses: dict[str, float] = {}
    for name, side in sides if seed % 2 == 0 else reversed(sides):
        watch = Stopwatch()
        path = side(setup.language, setup.epochs, dataset, directory / name, seed)
        seconds[name] = watch.lap()
        losses[name] = _verified_loss(path, setup.epochs, dataset, evaluator)
    (ours_s, ours_cpu_s), (reference_s, reference_cpu_s) = seconds["ours"], seconds["reference"]
    return JobRound(ours_s, reference_s, ours_cpu_s, reference_cpu_s, losses["ours"], losses["reference"])


def _ours(language: str, epochs: int, dataset: Path, directory: Path, seed: int) -> Path:
    request = TrainRequest(
        job_id="0x" + "be" * 16,
        language=language,
        epochs=epochs,
        dataset_path=str(dataset),
        work_dir=str(directory),
        model=DEVNET_SMALL,
        seed=seed,
    )
    parent = _Parent()
    job.run(request, open_device("cpu"), parent.hear, parent.control)
    return parent.result_path


class _Parent:
    """Stands in for a worker's parent: makes the hash chain's links as epochs are reported."""

    def __init__(self) -> None:
        self.control = Control()
        self.result_path = Path()
        self._digest = ""
        self._link = ""

    def hear(self, event: Event) -> None:
        match event:
            case Prepared():
                self._digest = event.dataset_digest
            case EpochDone(epoch=1):
                self._link = hash_chain.first_link(self._digest, _KEY)
            case EpochDone():
                self._link = hash_chain.next_link(self._link, event.epoch, _KEY)
            case Trained():
                self.control.write_result(self._link)
            case ResultWritten():
                self.result_path = Path(event.path)
            case _:
                pass


def _reference(language: str, epochs: int, dataset: Path, directory: Path, seed: int) -> Path:
    spec = model_spec(DEVNET_SMALL)
    plan = reference.LoopPlan(epochs, spec.batch_size, spec.learning_rate, seed)
    return reference.run_job(spec, language, dataset, directory, plan, _KEY)


def _verified_loss(path: Path, epochs: int, dataset: Path, evaluator: Evaluator) -> float:
    """The validation loss of a result. Raises RuntimeError when it is not this job's."""
    result = load_result(path, evaluator.tensor_shapes)
    expected = hash_chain.links(dataset.read_text("utf-8"), _KEY, epochs)[-1]
    if result.epochs != epochs or result.hash_hex != expected:
        raise RuntimeError(f"the result at {path} is not that of {epochs} epochs on this dataset")
    return evaluator.loss(result.state_dict)


def _line(number: int, each: JobRound) -> str:
    return (
        f"round {number}: ours {each.ours_s:.1f} s, reference {each.reference_s:.1f} s, {each.ratio:.2f}x "
        f"(CPU time {each.cpu_ratio:.2f}x); "
        f"validation loss {each.ours_valid_loss:.4f}, reference {each.reference_valid_loss:.4f}"
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
    if threads is not None:
        set_threads(threads)
    show(_report(measure(JobSetup(rounds, epochs, size_bytes, language, corpus), narrate)), as_json)


def _report(result: JobResult) -> Report:
    setup = result.setup
    lines = (
        f"devnet model, {result.dataset_bytes:,} bytes of text ({setup.language}), {setup.epochs} epochs",
        f"whole job: {result.speed} the reference loop, median of {setup.rounds} interleaved rounds",
        f"CPU time: {result.cpu}",
        f"validation loss untrained: {result.untrained_loss:.4f}",
    )
    content = dataclasses.asdict(result)
    for fields, each in zip(content["rounds"], result.rounds, strict=True):
        fields |= {"ratio": each.ratio, "cpu_ratio": each.cpu_ratio}
    return Report(content, lines, result.machine)
