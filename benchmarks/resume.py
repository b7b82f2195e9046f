"""`resume`: what checkpoints cost a job, what SIGKILL costs it, and how soon it pauses and stops on request.

Cost: the same job with and without checkpoints, alternately, in this process; the ratio of CPU times, which
varies by more than the cost, is reported with the measured time of each checkpoint. Kills: a real worker
process is killed at random moments of one job, by the seed; the time from the kill to the next process's
first report of training is the restart, and the training since the last checkpoint is work done twice. The
same process is then asked to pause at random moments, and to stop.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.abc
import click
import torch

from benchmarks.report import Goal, Report, json_option, narrate, show, threads_option
from benchmarks.responsiveness import Obedience, measure_obedience
from benchmarks.rounds import Machine, Ratios, Stopwatch, ratios, this_machine
from benchmarks.texts import place_dataset, write_grown
from benchmarks.training.job_sides import KEY, Parent
from emeth_tui.backoff import Backoff
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.model import Language
from emeth_tui.protocol import hash_chain
from emeth_tui.training import job
from emeth_tui.training.devices import open_device, set_threads
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.files.models import DEVNET_SMALL
from emeth_tui.training.reports import EpochDone, Prepared, Progress, TrainRequest
from emeth_tui.training.run.evaluation import Evaluator
from emeth_tui.training.run.saving import Cost, SavingPace
from emeth_tui.workers.supervisor import Limits, Worker, WorkerDirectories, WorkerPool

_MAX_SHARE = 0.01  # of a job's time that checkpoints may cost
_GOAL_KILLS = 20
_MAX_WAIT_S = 1.0  # from a pause or a stop to its end
_WARM_UP_EPOCHS = 1
_MANY_EPOCHS = 100_000  # more than any job completes before it is stopped

Narrate = Callable[[str], None]
Place = tuple[int, int]  # epochs done, steps of the next


@dataclass(frozen=True, slots=True)
class ResumeSetup:
    """The job, and how many times it runs with and without checkpoints, is killed, and is paused."""

    rounds: int = 2
    kills: int = 20
    pauses: int = 20
    epochs: int = 30
    size_bytes: int = 65_536
    seed: int = 0
    threads: int | None = None  # None: one a core


@dataclass(frozen=True, slots=True)
class CostRound:
    """One job of each kind in CPU seconds; `cost_s` is the measured time of its checkpoints."""

    with_cpu_s: float
    without_cpu_s: float
    seconds: float
    checkpoints: int
    cost_s: float

    @property
    def share(self) -> float:
        """The share of the job's time spent on checkpoints."""
        return self.cost_s / self.seconds


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: the seconds until training resumed, and the seconds of training done twice."""

    restart_s: float
    repeated_s: float


@dataclass(frozen=True, slots=True)
class KillResult:
    """A killed job's outcome. `same_weights` compares its result with that of the job never killed."""

    kills: list[Kill]
    seconds: float
    epochs: int
    hash_is_right: bool
    same_weights: bool


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """Everything measured, and the ratio of CPU seconds with checkpoints to those without."""

    setup: ResumeSetup
    machine: Machine
    dataset_bytes: int
    cost: list[CostRound]
    cpu: Ratios
    killed: KillResult
    obedience: Obedience


def measure(setup: ResumeSetup, narrate: Narrate) -> ResumeResult:
    """Measure the cost of checkpoints, then of kills, then the time to pause. Raise WorkerError."""
    if setup.threads is not None:
        set_threads(setup.threads)
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as name:
        directory = Path(name)
        dataset = directory / "dataset.txt"
        write_grown(dataset, load_corpus(None).texts[Language.EN], setup.size_bytes)
        warm_up = dataclasses.replace(setup, epochs=_WARM_UP_EPOCHS)
        _do(_request(warm_up, dataset, directory, "warm-up"), directory)
        cost: list[CostRound] = []
        for number in range(setup.rounds):
            cost.append(_cost_round(setup, dataset, directory, number))
            narrate(
                f"round {number + 1}: {cost[-1].checkpoints} checkpoints, {cost[-1].share:.2%} of the time"
            )
        killed, obedience = anyio.run(_disturb, setup, dataset, directory, narrate)
        cpu = ratios([each.with_cpu_s / each.without_cpu_s for each in cost])
        return ResumeResult(setup, this_machine(), dataset.stat().st_size, cost, cpu, killed, obedience)


def _request(setup: ResumeSetup, dataset: Path, root: Path, name: str) -> TrainRequest:
    """Return the job in the directory `name` below `root`, with checkpoints as often as their cost allows."""
    place_dataset(dataset, root / name)
    return TrainRequest(
        job_id="0x" + "be" * 16,
        language="en",
        epochs=setup.epochs,
        directory=name,
        model=DEVNET_SMALL,
        seed=setup.seed,
        threads=setup.threads,
        deterministic=True,
        checkpoint_gap_s=0.0,  # the job is over within a few of them
    )


def _cost_round(setup: ResumeSetup, dataset: Path, directory: Path, number: int) -> CostRound:
    kept = _request(setup, dataset, directory, f"{number}-with")
    bare = dataclasses.replace(_request(setup, dataset, directory, f"{number}-without"), checkpoint_share=0.0)
    took: dict[str, tuple[float, float]] = {}
    with _counted_costs() as costs:
        for request in (kept, bare) if number % 2 == 0 else (bare, kept):
            took[request.directory] = _do(request, directory)
    (seconds, with_cpu_s), (_, without_cpu_s) = took[kept.directory], took[bare.directory]
    return CostRound(with_cpu_s, without_cpu_s, seconds, len(costs), sum(costs))


@contextlib.contextmanager
def _counted_costs() -> Iterator[list[float]]:
    """Collect the measured cost of each checkpoint."""
    costs: list[float] = []
    note = SavingPace.cost

    def note_and_count(self: SavingPace, cost: Cost) -> None:
        costs.append(cost.seconds)
        note(self, cost)

    SavingPace.cost = note_and_count  # type: ignore[method-assign]
    try:
        yield costs
    finally:
        SavingPace.cost = note  # type: ignore[method-assign]


def _do(request: TrainRequest, jobs_dir: Path) -> tuple[float, float]:
    parent, watch = Parent(), Stopwatch()
    job.run(request, jobs_dir, open_device("cpu"), parent.hear, parent.control)
    return watch.lap()


@dataclass(slots=True)
class _Witness:
    """Follows a job through all its processes: where it was when, and what each kill cost."""

    kills: list[Kill] = field(default_factory=list)
    epochs_done: int = 0
    prepared: anyio.Event = field(default_factory=anyio.Event)
    killed_at: float = 0.0
    _places: list[tuple[Place, float]] = field(default_factory=list)

    def hear(self, message: object) -> None:
        now = time.monotonic()
        match message:
            case Prepared(resumed_epoch=epoch, resumed_step=step):
                self._resume((epoch, step), now)
                self.epochs_done = epoch
                self.prepared.set()
            case Progress(epoch=epoch, step=step):
                self._places.append(((epoch - 1, step), now))
            case EpochDone(epoch=epoch):
                self._places.append(((epoch, 0), now))
                self.epochs_done = epoch
            case _:
                pass

    def _resume(self, place: Place, now: float) -> None:
        if self._places and self.killed_at:
            # The first reported place not behind the checkpoint: a little late, so a slight overestimate.
            known = bisect.bisect_left([each for each, _ in self._places], place)
            kept_at = self._places[min(known, len(self._places) - 1)][1]
            self.kills.append(Kill(now - self.killed_at, max(0.0, self.killed_at - kept_at)))
        self._places = [(place, now)]


async def _disturb(
    setup: ResumeSetup, dataset: Path, directory: Path, narrate: Narrate
) -> tuple[KillResult, Obedience]:
    limits = Limits(deaths=setup.kills + 1, restart=Backoff(0.0, 0.0))
    pool = WorkerPool(["cpu"], WorkerDirectories(directory / "logs", directory), limits=limits)
    await pool.start()
    (worker,) = pool.workers
    try:
        killed = await _kill_job(setup, dataset, directory, worker, narrate)
        endless = _request(dataclasses.replace(setup, epochs=_MANY_EPOCHS), dataset, directory, "paused")
        return killed, await measure_obedience(worker, endless, setup.pauses, setup.seed)
    finally:
        await pool.close(10.0)


async def _kill_job(
    setup: ResumeSetup, dataset: Path, directory: Path, worker: Worker, narrate: Narrate
) -> KillResult:
    def hash_for(digest: str, epochs: int) -> str:
        return hash_chain.links_from_digest(digest, KEY, epochs)[-1]

    whole = _Witness()
    started = time.monotonic()
    request = _request(setup, dataset, directory, "whole")
    expected = await worker.train(request, hash_for=hash_for, on_message=whole.hear)
    whole_s = time.monotonic() - started
    narrate(f"never killed: {whole_s:.1f} s")
    witness = _Witness()
    started = time.monotonic()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_kill_now_and_then, setup, worker, witness, whole_s, narrate)
        request = _request(setup, dataset, directory, "killed")
        result = await worker.train(request, hash_for=hash_for, on_message=witness.hear)
        tasks.cancel_scope.cancel()
    seconds = time.monotonic() - started
    return _compared(
        setup,
        dataset,
        directory / "killed" / result.name,
        directory / "whole" / expected.name,
        witness,
        seconds,
    )


def _compared(
    setup: ResumeSetup, dataset: Path, killed: Path, whole: Path, witness: _Witness, seconds: float
) -> KillResult:
    """Compare the killed job's result with that of the job never killed, and with the hash chain."""
    evaluator = Evaluator(DEVNET_SMALL, "en", dataset)
    result, expected = (load_result(path, evaluator.tensor_shapes) for path in (killed, whole))
    link = hash_chain.links(dataset.read_text("utf-8"), KEY, setup.epochs)[-1]
    return KillResult(
        kills=witness.kills,
        seconds=seconds,
        epochs=result.epochs if result.epochs == witness.epochs_done else 0,
        hash_is_right=result.hash_hex == link,
        same_weights=all(
            torch.equal(result.state_dict[name], tensor) for name, tensor in expected.state_dict.items()
        ),
    )


async def _kill_now_and_then(
    setup: ResumeSetup, worker: Worker, witness: _Witness, whole_s: float, narrate: Narrate
) -> None:
    """Kill at random intervals, such that the last kill comes near the end."""
    chance = random.Random(setup.seed)
    for number in range(setup.kills):
        await witness.prepared.wait()
        witness.prepared = anyio.Event()
        await anyio.sleep(chance.uniform(0.0, 2 * whole_s / setup.kills))
        if worker.view.pid is None:
            return
        witness.killed_at = time.monotonic()
        os.kill(worker.view.pid, signal.SIGKILL)
        narrate(f"kill {number + 1}: {witness.epochs_done} epochs reported")


@click.command("resume", help="What checkpoints and kills cost, and pauses.")
@click.option("--rounds", type=click.IntRange(min=1), default=2, show_default=True, help="With and without.")
@click.option("--kills", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--pauses", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--size-bytes", type=click.IntRange(min=4_096), default=65_536, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@threads_option
@json_option
def command(as_json: bool, **options: int) -> None:
    """Measure and print."""
    show(report(measure(ResumeSetup(**options), narrate)), as_json)


def report(result: ResumeResult) -> Report:
    """Format a result for people and machines."""
    setup, killed, obedience = result.setup, result.killed, result.obedience
    share = statistics.median(each.share for each in result.cost)
    restart_s = statistics.median([each.restart_s for each in killed.kills] or [0.0])
    repeated = [each.repeated_s for each in killed.kills] or [0.0]
    right = killed.epochs == setup.epochs and killed.hash_is_right and killed.same_weights
    survived = len(killed.kills) if right else 0.0
    return Report(
        dataclasses.asdict(result),
        [
            f"devnet model, {result.dataset_bytes:,} bytes of text, {setup.epochs} epochs",
            f"checkpoints: {share:.2%} of the job's time, median of {setup.rounds} rounds "
            f"({statistics.median(each.checkpoints for each in result.cost):.0f} written); "
            f"CPU time with over without: {result.cpu}",
            f"kills: {len(killed.kills)}; each cost {restart_s:.1f} s of restart and "
            f"{statistics.median(repeated):.1f} s of training done twice (medians; at most "
            f"{max(repeated):.1f} s)",
            f"the killed job: {killed.epochs} epochs, hash {'right' if killed.hash_is_right else 'WRONG'}, "
            f"weights {'equal to' if killed.same_weights else 'DIFFERENT from'} those never killed",
            f"asked to pause it stood still after {statistics.median(obedience.pauses_s):.3f} s (median of "
            f"{setup.pauses}; at most {max(obedience.pauses_s):.3f} s); asked to stop it had a checkpoint on "
            f"the disk after {obedience.stop_s:.3f} s",
        ],
        result.machine,
        [
            Goal("share of the time that checkpoints cost", _MAX_SHARE, share, "of it", at_least=False),
            Goal(
                "kills survived with the right result",
                _GOAL_KILLS,
                survived if setup.kills >= _GOAL_KILLS else None,
                "kills",
            ),
            Goal("longest wait for a pause", _MAX_WAIT_S, max(obedience.pauses_s), "s", at_least=False),
            Goal("wait for a stop, checkpoint included", _MAX_WAIT_S, obedience.stop_s, "s", at_least=False),
        ],
    )
