"""`train`: tokens a second of our training loop against the reference loop's, on the same tokens.

Our side is `emeth_tui.training.loop.Trainer` itself, one epoch a round. When it reports an epoch's end, the
reference trains the same epoch: so the rounds alternate within one run, and what else the machine does
meets both sides alike. The first round warms both up and is not counted.
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.reference import LoopPlan, ReferenceLoop, make_model
from benchmarks.report import Report, json_option, narrate, show, threads_option
from benchmarks.rounds import Machine, Ratios, Stopwatch, ratios, this_machine
from emeth_tui.training.checkpoint import CheckpointStore
from emeth_tui.training.control import Control
from emeth_tui.training.dataset import TokenisedDataset, token_ids
from emeth_tui.training.devices import open_device, preload, set_threads
from emeth_tui.training.events import EpochDone, Event
from emeth_tui.training.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.loop import Plan, Trainer
from emeth_tui.training.models import BLOCK_TOKENS

HEAD_WIDTH = 64  # as in every published GPT-2
LEARNING_RATE = 2.5e-4  # protocol.md §8
DROPOUT = 0.1  # protocol.md §8: as in the reference
_SAME_LOSS = 1e-3  # what rounding may make of one loss calculated in two ways
_FOLLOWS_SHARE = 0.5  # of the tokens that the one before them fixes: something to learn

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainSetup:
    """What both sides train."""

    rounds: int = 9
    steps: int = 3
    batch: int = 16
    layers: int = 4
    width: int = 256
    vocab: int = 8192
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainRound:
    """One epoch of each side: tokens a second, CPU seconds, and the mean training loss."""

    ours_tokens_per_s: float
    reference_tokens_per_s: float
    ours_cpu_s: float
    reference_cpu_s: float
    ours_loss: float
    reference_loss: float

    @property
    def ratio(self) -> float:
        return self.ours_tokens_per_s / self.reference_tokens_per_s

    @property
    def cpu_ratio(self) -> float:
        return self.reference_cpu_s / self.ours_cpu_s


@dataclass(frozen=True, slots=True)
class TrainResult:
    """All rounds but the first; `untrained_loss` is what both sides begin at."""

    setup: TrainSetup
    machine: Machine
    untrained_loss: float
    rounds: list[TrainRound]
    speed: Ratios
    cpu: Ratios


def measure(setup: TrainSetup, narrate: Narrate) -> TrainResult:
    """Run all rounds."""
    preload()
    tokens = _tokens(setup)
    shape = Gpt2Shape(setup.layers, setup.width // HEAD_WIDTH, setup.width, BLOCK_TOKENS, setup.vocab)
    model = Gpt2(shape, DROPOUT)
    model.initialise(setup.seed)
    epochs = setup.rounds + 1
    rounds: list[TrainRound] = []
    published = make_model(shape, DROPOUT, DROPOUT, model.export_weights())
    untrained_loss = _common_loss(model, published, tokens)
    with (
        tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory,
        (Path(directory) / "training.log").open("w", encoding="utf-8") as log_file,
    ):
        loop = ReferenceLoop(published, LoopPlan(epochs, setup.batch, LEARNING_RATE, setup.seed), log_file)

        watch = Stopwatch()

        def report(event: Event) -> None:
            if isinstance(event, EpochDone):
                rounds.append(_reference_round(loop, event, tokens, watch))
                narrate(_line(event.epoch, rounds[-1]))
                watch.lap()

        _trainer(model, tokens, setup, epochs, Path(directory), report).run()
    counted = rounds[1:]
    speed = ratios([each.ratio for each in counted])
    cpu = ratios([each.cpu_ratio for each in counted])
    return TrainResult(setup, this_machine(), untrained_loss, counted, speed, cpu)


def _tokens(setup: TrainSetup) -> TokenisedDataset:
    """Draw tokens from a chain with something to learn: rare and frequent ones, and usual successors."""
    chance = np.random.default_rng(setup.seed)
    blocks = setup.steps * setup.batch
    weights = 1.0 / np.arange(1, setup.vocab + 1)
    drawn = chance.choice(setup.vocab, size=(blocks, BLOCK_TOKENS), p=weights / weights.sum())
    successor = chance.permutation(setup.vocab)
    follows = chance.random((blocks, BLOCK_TOKENS)) < _FOLLOWS_SHARE
    for place in range(1, BLOCK_TOKENS):
        drawn[:, place] = np.where(follows[:, place], successor[drawn[:, place - 1]], drawn[:, place])
    train = drawn.astype(np.uint32)
    # Our loop ends each epoch with a validation, the reference never validates: two tokens are the least.
    return TokenisedDataset(digest="", vocab_size=setup.vocab, train=train, valid=train[:1, :2])


def _trainer(
    model: Gpt2,
    tokens: TokenisedDataset,
    setup: TrainSetup,
    epochs: int,
    directory: Path,
    report: Callable[[Event], None],
) -> Trainer:
    return Trainer(
        model=model,
        tokens=tokens,
        # No checkpoints: the reference saves nothing either here. `job` measures with them.
        plan=Plan(epochs, setup.batch, LEARNING_RATE, setup.seed, math.inf, checkpoint_share=0.0),
        store=CheckpointStore(directory / "checkpoints", {}),
        device=open_device("cpu"),
        report=report,
        control=Control(),
        set_initial_weights=lambda fresh: fresh.initialise(setup.seed),
    )


def _common_loss(model: Gpt2, published: torch.nn.Module, tokens: TokenisedDataset) -> float:
    """The loss that both models start from. Raises RuntimeError when they are not the same model."""
    ids = torch.from_numpy(token_ids(tokens.train[:2]))
    model.eval()
    published.eval()
    with torch.inference_mode():
        ours, theirs = float(model.loss(ids)), float(published(input_ids=ids, labels=ids).loss)
    if abs(ours - theirs) > _SAME_LOSS:
        raise RuntimeError(f"the two sides are not the same model: untrained losses {ours} and {theirs}")
    return ours


def _reference_round(
    loop: ReferenceLoop, ours: EpochDone, tokens: TokenisedDataset, watch: Stopwatch
) -> TrainRound:
    ours_s, ours_cpu_s = watch.lap()
    reference_loss = loop.train_epoch(ours.epoch - 1, tokens.train)
    reference_s, reference_cpu_s = watch.lap()
    size = tokens.train.size
    return TrainRound(
        ours_tokens_per_s=size / ours_s,
        reference_tokens_per_s=size / reference_s,
        ours_cpu_s=ours_cpu_s,
        reference_cpu_s=reference_cpu_s,
        ours_loss=ours.train_loss,
        reference_loss=reference_loss,
    )


def _line(epoch: int, each: TrainRound) -> str:
    name = "warm-up" if epoch == 1 else f"round {epoch - 1}"
    return (
        f"{name}: ours {each.ours_tokens_per_s:,.0f} tokens/s, "
        f"reference {each.reference_tokens_per_s:,.0f} tokens/s, {each.ratio:.2f}x "
        f"(CPU time {each.cpu_ratio:.2f}x)"
    )


_DEFAULTS = TrainSetup()
_COUNT = click.IntRange(min=1)


@click.command("train", help="Tokens a second of the training loop (the default).")
@click.option("--rounds", type=_COUNT, default=_DEFAULTS.rounds, show_default=True)
@click.option("--steps", type=_COUNT, default=_DEFAULTS.steps, show_default=True, help="In each round.")
@click.option(
    "--batch", type=_COUNT, default=_DEFAULTS.batch, show_default=True, help="Blocks of 128 tokens."
)
@click.option("--layers", type=_COUNT, default=_DEFAULTS.layers, show_default=True)
@click.option("--width", type=_COUNT, default=_DEFAULTS.width, show_default=True, help="A multiple of 64.")
@click.option("--vocab", type=click.IntRange(min=2), default=_DEFAULTS.vocab, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=_DEFAULTS.seed, show_default=True)
@threads_option
@json_option
def command(as_json: bool, threads: int | None, **options: int) -> None:
    if options["width"] % HEAD_WIDTH:
        raise click.BadParameter(f"must be a multiple of {HEAD_WIDTH}", param_hint="--width")
    if threads is not None:
        set_threads(threads)
    show(_report(measure(TrainSetup(**options), narrate)), as_json)


def _report(result: TrainResult) -> Report:
    setup, last = result.setup, result.rounds[-1]
    lines = (
        f"{setup.layers} layers, width {setup.width}, vocabulary {setup.vocab:,}, "
        f"batch {setup.batch} x 128 tokens, {setup.steps} steps a round, fp32, dropout {DROPOUT}",
        f"training: {result.speed} the reference loop, median of {setup.rounds} interleaved rounds",
        f"CPU time: {result.cpu}",
        f"training loss of the last round: ours {last.ours_loss:.4f}, reference {last.reference_loss:.4f} "
        f"(untrained {result.untrained_loss:.4f})",
    )
    content = dataclasses.asdict(result)
    for fields, each in zip(content["rounds"], result.rounds, strict=True):
        fields |= {"ratio": each.ratio, "cpu_ratio": each.cpu_ratio}
    return Report(content, lines, result.machine)
