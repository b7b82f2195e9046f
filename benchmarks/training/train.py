"""`train`: tokens per second of our training loop against other ways to train the same model.

The sides run in separate processes (`processes.py`, `sides.py`) and take turns: in each round every side
trains the same epoch, in changing order, and the device multiplies matrices for a moment. So the machine's
other work affects all sides alike. A first round warms everything up and is not counted.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.deadline import NO_DEADLINE, Deadline
from benchmarks.processes import SideFailed, SideProcess, closing_all
from benchmarks.rounds import Machine, Ratios, ratios, rotated, this_machine
from benchmarks.training.data import Tokens, chain_tokens, text_tokens
from benchmarks.training.flops import flops_per_token, multiply
from benchmarks.training.reference import LoopPlan
from benchmarks.training.sides import Begin, End, Final, Go, Task, Turn, train
from emeth_tui.training.files.models import BLOCK_TOKENS
from emeth_tui.training.model.gpt2 import Gpt2Shape

OURS = "ours"
LEARNING_RATE = 2.5e-4  # protocol.md §8
DROPOUT = 0.1  # protocol.md §8: as in the reference

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a side trains."""

    title: str
    loop: str
    tf32: bool = False
    compiled: bool = False


KINDS: dict[str, Kind] = {
    OURS: Kind("ours", "ours"),
    "reference": Kind("reference loop", "reference"),
    "reference-tf32": Kind("reference loop", "reference", tf32=True),
    "hf": Kind("Hugging Face Trainer", "hugging-face"),
    "hf-compiled": Kind("Hugging Face Trainer, compiled", "hugging-face", compiled=True),
    "nanogpt": Kind("nanoGPT-style loop, compiled", "nanogpt", compiled=True),
}
CPU_SIDES = (OURS, "reference", "hf")
CUDA_SIDES = tuple(KINDS)


@dataclass(frozen=True, slots=True)
class TrainSetup:
    """What all sides train. `plan_epochs` is the length of the job of which the rounds are the start."""

    sides: tuple[str, ...] = CPU_SIDES
    device: str = "cpu"
    rounds: int = 5
    steps: int = 3
    batch: int = 16
    layers: int = 4
    width: int = 256
    heads: int = 4
    vocab: int = 8192
    seeds: int = 1
    corpus: str | None = None  # a directory or "shipped"; None: drawn tokens
    language: str = "en"
    dropout: float = DROPOUT
    plan_epochs: int | None = None  # None: the rounds are the whole job
    threads: int | None = None  # None: one a core
    compile_backend: str = "inductor"
    warm_up_limit_s: float | None = None  # a side that takes longer to warm up is left out
    as_shipped: bool = True  # ours picks its precision on a CPU; else fp32

    @property
    def shape(self) -> Gpt2Shape:
        return Gpt2Shape(self.layers, self.heads, self.width, BLOCK_TOKENS, self.vocab)

    @property
    def flops_per_token(self) -> int:
        return flops_per_token(self.shape, BLOCK_TOKENS)


@dataclass(frozen=True, slots=True)
class TrainRound:
    """One epoch of every side still running, by name, and the matrix product at the same moment."""

    seed: int
    tokens_per_s: dict[str, float]
    cpu_s: dict[str, float]
    product_flops_per_s: float


@dataclass(frozen=True, slots=True)
class SideResult:
    """One side over all rounds; `speed` and `cpu` say how many times as fast ours was."""

    name: str
    precision: str
    tokens_per_s: Ratios
    utilisation: float
    speed: Ratios
    cpu: Ratios
    peak_bytes: int | None
    held_out_losses: list[float]

    @property
    def held_out_loss(self) -> float | None:
        """The mean over the seeds; None when the side did not get that far."""
        return statistics.fmean(self.held_out_losses) if self.held_out_losses else None


@dataclass(frozen=True, slots=True)
class TrainResult:
    """All rounds but the first of each seed; `failures` are sides that failed, with the reason.

    A side that failed after some rounds still has their figures.
    """

    setup: TrainSetup
    machine: Machine
    flops_per_token: int
    rounds: list[TrainRound]
    sides: dict[str, SideResult]
    failures: dict[str, str]

    @property
    def product_flops_per_s(self) -> float:
        """The median of the rounds."""
        return statistics.median(each.product_flops_per_s for each in self.rounds)


def measure(setup: TrainSetup, narrate: Narrate, deadline: Deadline = NO_DEADLINE) -> TrainResult:
    """Run all rounds of all seeds, or those that start before the deadline.

    Raise SideFailed when ours fails before it completes a round; another side's failure is recorded.
    """
    run = _Run(setup, narrate, deadline)
    with run.processes():
        try:
            for seed in range(setup.seeds):
                run.train(seed)
        except SideFailed as error:  # ours, or the matrix product: without them there are no more rounds
            if not run.rounds:
                raise
            run.failures[OURS] = error.message
            narrate(error.message)
    sides = {name: _sum_up(name, setup, run) for name in setup.sides if run.rounds_of(name)}
    return TrainResult(setup, this_machine(), setup.flops_per_token, run.rounds, sides, {**run.failures})


class _Run:
    """The processes of one run, and their answers."""

    def __init__(self, setup: TrainSetup, narrate: Narrate, deadline: Deadline) -> None:
        self.rounds: list[TrainRound] = []
        self.finals: dict[str, list[Final]] = {}
        self.failures: dict[str, str] = {}
        self.precision: dict[str, str] = {}
        self._setup = setup
        self._narrate = narrate
        self._deadline = deadline
        self._sides: dict[str, SideProcess] = {}
        self._product: SideProcess | None = None

    @contextlib.contextmanager
    def processes(self) -> Iterator[None]:
        """Run all sides' processes for the length of the block."""
        setup, started = self._setup, list[SideProcess]()
        tokens = _tokens(setup)
        with closing_all(started):
            for name in setup.sides:
                side = SideProcess(name, train, _task(setup, name, tokens), setup.threads, setup.device)
                self._sides[name] = side
                started.append(side)
            self._product = SideProcess("matrix product", multiply, setup.device, setup.threads, setup.device)
            started.append(self._product)
            yield

    def train(self, seed: int) -> None:
        """Run all rounds with one seed."""
        for names in self._groups_to_begin():
            for name, ready in self._send(names, Begin(seed), self._deadline).items():
                self.precision[name] = ready.precision
        limit_s = self._setup.warm_up_limit_s
        warm_up = self._deadline if limit_s is None else self._deadline.sooner(limit_s)
        self._send(list(self._sides), Go(), warm_up)  # kernels are chosen and compiled, memory is allocated
        for number in range(self._setup.rounds):
            if self.rounds and self._deadline.passed:
                self._narrate(f"the time is up after {len(self.rounds)} rounds")
                break
            self.rounds.append(self._round(seed, number))
            self._narrate(_line(seed, number, self.rounds[-1]))
        for name, final in self._send(list(self._sides), End(), self._deadline).items():
            self.finals.setdefault(name, []).append(final)

    def rounds_of(self, name: str) -> list[TrainRound]:
        """The rounds that this side has done."""
        return [each for each in self.rounds if name in each.tokens_per_s]

    def _groups_to_begin(self) -> list[list[str]]:
        """Return groups of sides that may start together. Ours never does: it measures free memory.

        Nor do the others on a CPU, where each measures its process's memory and some their speed.
        """
        names = list(self._sides)
        if self._setup.device == "cpu":
            return [[name] for name in names]
        return [[OURS], [name for name in names if name != OURS]]

    def _round(self, seed: int, number: int) -> TrainRound:
        assert self._product is not None
        turns: dict[str, Turn] = {}
        for name in rotated(list(self._sides), number):
            with self._noting_failure(name):
                turns[name] = self._sides[name].ask(Go(), self._deadline.left_s())
        tokens = self._setup.steps * self._setup.batch * BLOCK_TOKENS
        in_order = {name: turns[name] for name in self._sides if name in turns}
        return TrainRound(
            seed,
            {name: tokens / turn.seconds for name, turn in in_order.items()},
            {name: turn.cpu_s for name, turn in in_order.items()},
            self._product.ask(None, self._deadline.left_s()),
        )

    def _send(self, names: Sequence[str], message: object, deadline: Deadline) -> dict[str, Any]:
        """Send a message to all of these at once, outside the measured time, and gather the answers."""
        answers = {}
        for name in names:
            with self._noting_failure(name):
                self._sides[name].send(message)
        for name in names:
            if name in self._sides:
                with self._noting_failure(name):
                    answers[name] = self._sides[name].hear(deadline.left_s())
        return answers

    @contextlib.contextmanager
    def _noting_failure(self, name: str) -> Iterator[None]:
        try:
            yield
        except SideFailed as error:
            if name == OURS:
                raise
            self.failures[name] = error.message
            self._narrate(f"{error.message}; going on without it")
            self._sides.pop(name).close()


def _tokens(setup: TrainSetup) -> Tokens:
    blocks = setup.steps * setup.batch
    if setup.corpus is None:
        return chain_tokens(blocks, setup.vocab, seed=0)
    return text_tokens(setup.corpus, setup.language, blocks, setup.vocab)


def _task(setup: TrainSetup, name: str, tokens: Tokens) -> Task:
    kind = KINDS[name]
    epochs = setup.plan_epochs or setup.rounds + 1
    return Task(
        loop=kind.loop,
        shape=setup.shape,
        tokens=tokens,
        plan=LoopPlan(epochs, setup.batch, LEARNING_RATE, seed=0),
        dropout=setup.dropout,
        device=setup.device,
        tf32=kind.tf32,
        compile_backend=setup.compile_backend if kind.compiled else None,
        as_shipped=setup.as_shipped,
    )


def _sum_up(name: str, setup: TrainSetup, run: _Run) -> SideResult:
    rounds = run.rounds_of(name)
    finals = run.finals.get(name, [])
    return SideResult(
        name=name,
        precision=run.precision[name],
        tokens_per_s=ratios([each.tokens_per_s[name] for each in rounds]),
        utilisation=statistics.median(
            each.tokens_per_s[name] * setup.flops_per_token / each.product_flops_per_s for each in rounds
        ),
        speed=ratios([each.tokens_per_s[OURS] / each.tokens_per_s[name] for each in rounds]),
        cpu=ratios([each.cpu_s[name] / each.cpu_s[OURS] for each in rounds]),
        peak_bytes=finals[0].peak_bytes if finals else None,  # of the first seed: later ones reuse its memory
        held_out_losses=[final.held_out_loss for final in finals],
    )


def _line(seed: int, number: int, each: TrainRound) -> str:
    speeds: Mapping[str, float] = each.tokens_per_s
    return (
        f"seed {seed}, round {number + 1}: "
        + ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
        + f" tokens/s; matrix product {each.product_flops_per_s / 1e9:,.0f} GFLOP/s"
    )
