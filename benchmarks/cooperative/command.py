"""The command line of `cooperative`: ways to average what members train, loss against bytes and time."""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from benchmarks.cooperative.delay import exchange_s
from benchmarks.cooperative.training import Outcome, Setup, train
from benchmarks.cooperative.ways import WAYS, Full, Way
from benchmarks.report import Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from benchmarks.texts import write_grown
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.model import Language

DELAYS_MS = (0, 10, 50)
_ALONE = Way("one worker, all of the text", Full)
_WORSE_SHARE = 0.01  # than fp32, that a way may be


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One way: its losses by seed, its bytes a member and average, and the seconds of one average."""

    way: str
    losses: tuple[float, ...]
    bytes_up: int
    bytes_down: int
    seconds_by_delay_ms: dict[int, float]


@click.command("cooperative", help="Ways to average what several members train, by loss, bytes and time.")
@click.option("--members", default=3, show_default=True, type=click.IntRange(min=2))
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(min=1))
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--size", default=43_000, show_default=True, type=click.IntRange(min=8_192), help="In bytes.")
@click.option("--rounds", default=5, show_default=True, help="Of one average's transfer.")
@json_option
def command(members: int, epochs: int, seeds: int, size: int, rounds: int, as_json: bool) -> None:
    torch.set_num_threads(1)
    show(report(measure(members, epochs, seeds, size, rounds), members, this_machine()), as_json)


def measure(members: int, epochs: int, seeds: int, size_bytes: int, rounds: int) -> list[Row]:
    """Train the same job by each way with each seed, and time what one average sends."""
    with tempfile.TemporaryDirectory(prefix="emeth-cooperative-") as scratch:
        dataset = Path(scratch) / "dataset.txt"
        write_grown(dataset, load_corpus(None).texts[Language.EN], size_bytes)
        together, alone = Setup(dataset, members, epochs), Setup(dataset, 1, epochs)
        rows = []
        for way in (_ALONE, *WAYS):
            setup = alone if way is _ALONE else together
            outcomes = []
            for seed in range(seeds):
                narrate(f"{way.name}, seed {seed}")
                outcomes.append(train(setup, way, seed, Path(scratch)))
            rows.append(_row(way, setup, outcomes, rounds))
        return rows


def _row(way: Way, setup: Setup, outcomes: Sequence[Outcome], rounds: int) -> Row:
    averages = setup.epochs if way.every_epoch else 1
    up, down = (outcomes[0].bytes_up // averages, outcomes[0].bytes_down // averages)
    seconds = {}
    if way is _ALONE:
        up = down = 0
    else:
        seconds = {
            delay: asyncio.run(exchange_s(up, down, setup.members, delay, rounds)) for delay in DELAYS_MS
        }
    return Row(way.name, tuple(each.valid_loss for each in outcomes), up, down, seconds)


def report(rows: Sequence[Row], members: int, machine: Machine) -> Report:
    """Put a table together: the cheapest way that is hardly worse than fp32 is named under it."""
    fp32 = statistics.mean(next(row for row in rows if row.way == "fp32").losses)
    head = f"{'way':<28}{'loss':>8}{'least':>8}{'most':>8}{'vs fp32':>9}{'kB up':>9}{'kB down':>9}"
    lines = [head + "".join(f"{f's at {delay} ms':>12}" for delay in DELAYS_MS)]
    for row in rows:
        mean = statistics.mean(row.losses)
        lines.append(
            f"{row.way:<28}{mean:>8.3f}{min(row.losses):>8.3f}{max(row.losses):>8.3f}{mean / fp32 - 1:>+9.1%}"
            f"{row.bytes_up / 1000:>9,.0f}{row.bytes_down / 1000:>9,.0f}"
            + "".join(f"{seconds:>12.3f}" for seconds in row.seconds_by_delay_ms.values())
        )
    every_epoch = {way.name for way in WAYS if way.every_epoch}
    good = [
        row
        for row in rows
        if row.way in every_epoch and statistics.mean(row.losses) <= fp32 * (1 + _WORSE_SHARE)
    ]
    cheapest = min(good, key=lambda row: row.bytes_up + row.bytes_down)
    lines.append(f"the cheapest of those that average each epoch, at most 1 % worse: {cheapest.way}")
    content = {"members": members, "ways": [dataclasses.asdict(row) for row in rows]}
    return Report(content, lines, machine)
