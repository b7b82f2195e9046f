"""The command line of `train`, its report and the goals for its figures."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from benchmarks.processes import SideProcess
from benchmarks.report import Goal, Report, json_option, narrate, show, threads_option
from benchmarks.training.data import HELD_OUT_BLOCKS, SHIPPED
from benchmarks.training.train import (
    CPU_SIDES,
    CUDA_SIDES,
    KINDS,
    OURS,
    SideResult,
    TrainResult,
    TrainSetup,
    measure,
)
from benchmarks.training.where import Where, WhereTask, look
from emeth_tui.training.files.models import BLOCK_TOKENS

_DEFAULTS = TrainSetup()
_COUNT = click.IntRange(min=1)
_HEAD_WIDTH = 64  # as in every published GPT-2
# Layers, width and vocabulary; batch, rounds and steps that take a reasonable time on a CPU.
SHAPES: dict[str, dict[str, int]] = {
    "small": {"layers": 4, "width": 256, "vocab": 8192},
    "gpt2-medium": {"layers": 24, "width": 1024, "vocab": 50257, "batch": 2, "rounds": 3, "steps": 1},
    "tiny": {"layers": 1, "width": 64, "vocab": 128, "batch": 2, "rounds": 1, "steps": 2},
}
_SMALL_GOALS = {50257: 1.8, 8192: 1.4}  # times the reference loop, by vocabulary: on a CPU
_MEDIUM_GOAL = 1.1
_MEMORY_GOAL = 0.5  # of the reference loop's peak
_BOUND_GOAL = 1.25  # times the matrix products of a step, which nothing can spare it
_LOSS_GOAL = 1.01  # times the others' loss on held-out tokens, over 3 seeds
_GOAL_SEEDS = 3


def _sides(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    if unknown := [name for name in names if name not in KINDS]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
    return names if OURS in names else (OURS, *names)


@click.command("train", help="Tokens a second of the training loop, memory and loss, against other loops.")
@click.option("--shape", type=click.Choice(list(SHAPES)), default="small", show_default=True)
@click.option(
    "--sides",
    callback=_sides,
    help=f"Any of {','.join(KINDS)}; default: {','.join(CPU_SIDES)} on a CPU, all on CUDA.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda:N.")
@click.option("--rounds", type=_COUNT, help="Counted rounds for each seed.")
@click.option("--steps", type=_COUNT, help="In each round: a round is an epoch.")
@click.option("--batch", type=_COUNT, help=f"Blocks of {BLOCK_TOKENS} tokens.")
@click.option("--layers", type=_COUNT)
@click.option("--width", type=_COUNT, help=f"A multiple of {_HEAD_WIDTH}.")
@click.option("--vocab", type=click.IntRange(min=2))
@click.option(
    "--seeds", type=_COUNT, default=1, show_default=True, help="Trainings, each from other weights."
)
@click.option("--corpus", help=f"Real text: a directory of *.txt, or {SHIPPED!r}; default: drawn tokens.")
@click.option("--language", type=click.Choice(["en", "ja"]), default="en", show_default=True)
@click.option("--fp32", is_flag=True, help="Ours in fp32 too on a CPU, instead of what it takes in a job.")
@threads_option
@json_option
def command(
    as_json: bool, shape: str, sides: tuple[str, ...] | None, device: str, fp32: bool, **options: Any
) -> None:
    chosen = SHAPES[shape] | {name: value for name, value in options.items() if value is not None}
    width = chosen["width"]
    if width % _HEAD_WIDTH:
        raise click.BadParameter(f"must be a multiple of {_HEAD_WIDTH}", param_hint="--width")
    sides = sides or (CPU_SIDES if device == "cpu" else CUDA_SIDES)
    heads = width // _HEAD_WIDTH
    setup = TrainSetup(sides=sides, device=device, heads=heads, as_shipped=not fp32, **chosen)
    result = measure(setup, narrate)
    show(report(result, _look(setup) if device == "cpu" else None), as_json)


def _look(setup: TrainSetup) -> Where:
    """See where the time of one of our steps goes, in a process of its own."""
    task = WhereTask(setup.shape, setup.batch, BLOCK_TOKENS, as_shipped=setup.as_shipped)
    side = SideProcess("where", look, task, setup.threads)
    try:
        where: Where = side.hear()
        return where
    finally:
        side.close()


def report(result: TrainResult, where: Where | None = None) -> Report:
    """Format a result for people and machines."""
    setup = result.setup
    source = f"text of {setup.corpus} ({setup.language})" if setup.corpus else "drawn tokens"
    lines = [
        f"{setup.layers} layers, width {setup.width}, {setup.heads} heads, vocabulary {setup.vocab:,}; "
        f"batch {setup.batch} x {BLOCK_TOKENS} tokens, {setup.steps} steps a round, {source}; "
        f"dropout {setup.dropout}; on {setup.device}",
        f"{len(result.rounds)} interleaved rounds in all, of {setup.seeds} seeds; "
        f"{result.flops_per_token / 1e9:.3f} GFLOP a token; matrix product in "
        f"{'fp32' if setup.device == 'cpu' else 'bf16'}: {result.product_flops_per_s / 1e9:,.0f} GFLOP/s",
        _HEADING,
        *(_row(side) for side in result.sides.values()),
        *(f"failed: {reason}" for reason in result.failures.values()),
        f"held-out loss: up to {HELD_OUT_BLOCKS} blocks, after the warm-up and all rounds, mean of the seeds",
    ]
    content = dataclasses.asdict(result)
    if where is not None:
        lines.extend(where.lines)
        content["where"] = dataclasses.asdict(where)
    return Report(content, lines, result.machine, goals(result, where))


def goals(result: TrainResult, where: Where | None = None) -> list[Goal]:
    """Return the CPU goals that apply to this run's setup; those of CUDA are in `gpu`."""
    setup = result.setup
    reference, ours = result.sides.get("reference"), result.sides[OURS]
    if setup.device != "cpu" or reference is None:
        return []
    name = f"vocabulary {setup.vocab:,}"
    if (setup.layers, setup.width, setup.batch) == (4, 256, 16) and setup.vocab in _SMALL_GOALS:
        target = _SMALL_GOALS[setup.vocab]
        return [
            Goal(f"train, 4 layers, {name}: speed against the reference", target, reference.speed.median),
            Goal(
                f"train, 4 layers, {name}: peak memory against the reference",
                _MEMORY_GOAL,
                _share(ours.peak_bytes, reference.peak_bytes),
                at_least=False,
            ),
            Goal(
                f"train, 4 layers, {name}: a step over its products alone",
                _BOUND_GOAL,
                where.over_products if where else None,
                at_least=False,
            ),
            *_loss_goals(result, name),
        ]
    if (setup.layers, setup.width, setup.vocab) == (24, 1024, 50257):
        return [Goal("train, gpt2-medium: speed against the reference", _MEDIUM_GOAL, reference.speed.median)]
    return []


def _loss_goals(result: TrainResult, name: str) -> list[Goal]:
    if result.setup.seeds < _GOAL_SEEDS:
        return []
    ours = result.sides[OURS].held_out_loss
    return [
        Goal(
            f"train, 4 layers, {name}: held-out loss against {side.name}",
            _LOSS_GOAL,
            _share(ours, side.held_out_loss),
            at_least=False,
        )
        for side in result.sides.values()
        if side.name != OURS
    ]


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


_HEADING = (
    f"{'side':<38} {'tokens/s: median (min-max)':>30} {'ours is faster by':>24} {'CPU time':>9} "
    f"{'MFU':>6} {'peak MB':>9} {'held-out loss':>14}"
)


def _row(side: SideResult) -> str:
    tokens_per_s, speed = side.tokens_per_s, side.speed
    peak = "unknown" if side.peak_bytes is None else f"{side.peak_bytes / 1e6:,.0f}"
    loss = "unknown" if side.held_out_loss is None else f"{side.held_out_loss:.4f}"
    spread = f"{tokens_per_s.median:,.0f} ({tokens_per_s.low:,.0f}-{tokens_per_s.high:,.0f})"
    faster = f"{speed.median:.2f}x ({speed.low:.2f}-{speed.high:.2f})"
    return (
        f"{f'{KINDS[side.name].title}, {side.precision}':<38} {spread:>30} {faster:>24} "
        f"{f'{side.cpu.median:.2f}x':>9} {side.utilisation:>6.1%} {peak:>9} {loss:>14}"
    )
