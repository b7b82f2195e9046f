"""The command line of `finetune`, its tables and its goals."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import torch

from benchmarks.finetune.base_model import BaseShape, base_model
from benchmarks.finetune.material import FAR, NEAR, load_material
from benchmarks.finetune.measuring import EPOCHS, Cell, Outcome, train
from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from emeth_tui.model import Language
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.models import model_spec

_REFERENCE_BATCH = 3  # protocol.md §8
_BATCH_GOAL = 1.01  # times the final loss of the reference's batch
_BEST_GOAL = 1.01  # times the best loss seen
_VALIDATED_GOAL = 0.03  # of an epoch
_LARGE_BYTES = 500_000  # from here on the goal of validation holds: smaller epochs take seconds
_CACHE = Path("~/.cache/emeth-tui-benchmarks").expanduser()
_QUICK_SHAPE = BaseShape(layers=1, width=64, vocab=512, epochs=2)
_QUICK_EPOCHS = 8
Row = tuple[str, str, int, int]  # language, domain, bytes, batch


def _numbers(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of whole numbers") from None


def _batches(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int | None, ...]:
    return (None,) if value == "auto" else _numbers(context, parameter, value)


def _words(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(","))


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """What to measure."""

    languages: tuple[str, ...]
    domains: tuple[str, ...]
    sizes: tuple[int, ...]
    batches: tuple[int | None, ...]  # None: what a claim fixes
    seeds: int
    rate: float | None
    quick: bool


@click.command("finetune", help="Loss of a pretrained model before, at best and after a job.")
@click.option("--languages", default="en,ja", show_default=True, callback=_words)
@click.option("--domains", default=f"{NEAR},{FAR}", show_default=True, callback=_words)
@click.option(
    "--sizes", default="4096,16384,65536", show_default=True, callback=_numbers, help="Of texts, in bytes."
)
@click.option(
    "--batches",
    default="auto",
    show_default=True,
    callback=_batches,
    help="In blocks, or `auto`: what a claim fixes for the text.",
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="Texts of each size.")
@click.option("--rate", type=float, help="Peak learning rate; default: the model's own.")
@click.option("--corpus", type=click.Path(path_type=Path), help="Directory of *.txt; default: what ships.")
@click.option("--far", type=click.Path(path_type=Path), help="Directory of *.txt of another kind.")
@click.option("--cache", type=click.Path(path_type=Path), default=_CACHE, help="Of pretrained models.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda:N.")
@click.option("--quick", is_flag=True, help="A tiny model and 4 kB: whether it runs, not what it is worth.")
@json_option
def command(
    as_json: bool,
    corpus: Path | None,
    far: Path | None,
    cache: Path,
    device: str,
    quick: bool,
    **options: object,
) -> None:
    setup = Setup(quick=quick, **options)  # type: ignore[arg-type]
    if quick:
        setup = dataclasses.replace(setup, sizes=(4096,), seeds=1)
    torch.set_num_threads(1)
    show(report(setup, list(measure(setup, (corpus, far), cache, device)), this_machine()), as_json)


def measure(
    setup: Setup, texts: tuple[Path | None, Path | None], cache: Path, device_name: str
) -> Iterator[Outcome]:
    """Pretrain what is not kept, and train every cell for which there is text enough.

    `texts` are the corpus and the text of another kind.
    """
    device = open_device(device_name)
    size, epochs = (_QUICK_SHAPE, _QUICK_EPOCHS) if setup.quick else (BaseShape(), EPOCHS)
    for language in map(Language, setup.languages):
        material = load_material(language, *texts)
        model = base_model(cache, material.pretraining, size, device, narrate)
        for name, size_bytes, batch, seed in itertools.product(
            setup.domains, setup.sizes, setup.batches, range(setup.seeds)
        ):
            domain = material.domains.get(name)
            if domain is None or domain.size_bytes < size_bytes:
                narrate(f"{language.value}, {name}, {size_bytes:,} bytes: not so much text")
                continue
            blocks = batch or model_spec(str(model)).batch_for(size_bytes)
            cell = Cell(language, name, size_bytes, blocks, setup.rate, seed)
            outcome = train(cell, domain, model, device, epochs)
            narrate(_line(outcome))
            yield outcome


def report(setup: Setup, outcomes: Sequence[Outcome], machine: Machine) -> Report:
    """Make the tables and check the goals."""
    rows: dict[Row, list[Outcome]] = {}
    for one in outcomes:
        cell = one.cell
        rows.setdefault((cell.language.value, cell.domain, cell.size_bytes, cell.batch), []).append(one)
    content = {
        "setup": dataclasses.asdict(setup),
        "outcomes": [dataclasses.asdict(one) for one in outcomes],
    }
    lines = [_HEADING, *(_row(row, cells) for row, cells in rows.items()), *_batch_lines(rows)]
    return Report(content, lines, machine, goals(outcomes, rows))


def goals(outcomes: Sequence[Outcome], rows: dict[Row, list[Outcome]]) -> list[Goal]:
    """Return the goals that this run can judge."""
    if not outcomes:
        return []
    worst = max(one.final / one.start for one in outcomes)
    behind = max(one.final / one.best for one in outcomes)
    large = [one.validated_share for one in outcomes if one.cell.size_bytes >= _LARGE_BYTES]
    found = [
        Goal("finetune: final loss of the start's, worst cell", 1.0, worst, at_least=False),
        Goal("finetune: final loss of the best seen, worst cell", _BEST_GOAL, behind, at_least=False),
        Goal(
            f"finetune: validation of an epoch, from {_LARGE_BYTES:,} bytes on",
            _VALIDATED_GOAL,
            max(large) if large else None,
            at_least=False,
        ),
    ]
    for batch in sorted({batch for *_rest, batch in rows} - {_REFERENCE_BATCH}):
        if ratios := [ratio for *_row, other, ratio in _against_reference(rows) if other == batch]:
            name = f"finetune: final loss of batch {_REFERENCE_BATCH}'s, batch {batch}, worst row"
            found.append(Goal(name, _BATCH_GOAL, max(ratios), at_least=False))
    return found


def _against_reference(rows: dict[Row, list[Outcome]]) -> Iterator[tuple[str, str, int, int, float]]:
    for (language, domain, size_bytes, batch), cells in rows.items():
        reference = rows.get((language, domain, size_bytes, _REFERENCE_BATCH))
        if reference and batch != _REFERENCE_BATCH:
            ratio = _mean(one.final for one in cells) / _mean(one.final for one in reference)
            yield language, domain, size_bytes, batch, ratio


def _batch_lines(rows: dict[Row, list[Outcome]]) -> list[str]:
    lines = [
        f"{language} {domain:<5} {size_bytes:>9,} batch {batch:>3}: {ratio:.4f}"
        for language, domain, size_bytes, batch, ratio in _against_reference(rows)
    ]
    return [f"final loss, times that of batch {_REFERENCE_BATCH}:", *lines] if lines else []


_HEADING = (
    f"{'':<8} {'bytes':>9} {'batch':>5} {'start':>8} {'best':>8} {'final':>8} {'worst final / start':>20} "
    f"{'elsewhere':>16} {'went back':>10} {'validation':>11} {'seconds':>8}   means over seeds"
)


def _row(row: Row, cells: Sequence[Outcome]) -> str:
    language, domain, size_bytes, batch = row
    before, after = (_mean(one.elsewhere[place] for one in cells) for place in (0, 1))
    return (
        f"{language} {domain:<5} {size_bytes:>9,} {batch:>5} {_mean(one.start for one in cells):>8.4f} "
        f"{_mean(one.best for one in cells):>8.4f} {_mean(one.final for one in cells):>8.4f} "
        f"{max(one.final / one.start for one in cells):>20.4f} {f'{before:.4f} {after:.4f}':>16} "
        f"{_mean(one.went_back for one in cells):>10.1f} "
        f"{_mean(one.validated_share for one in cells):>11.1%} {_mean(one.seconds for one in cells):>8.1f}"
    )


def _line(one: Outcome) -> str:
    cell = one.cell
    best_epoch = 0 if one.best == one.start else one.by_epoch.index(one.best) + 1
    return (
        f"{cell.language.value} {cell.domain} {cell.size_bytes:,} bytes, batch {cell.batch}, "
        f"seed {cell.seed}, {one.valid_tokens} tokens validate: start {one.start:.4f}, "
        f"best {one.best:.4f} ({best_epoch}), last {one.by_epoch[-1]:.4f}, final {one.final:.4f}; "
        f"elsewhere {one.elsewhere[0]:.4f} to {one.elsewhere[1]:.4f}; {one.seconds:.0f} s"
    )


def _mean(values: Iterator[float]) -> float:
    return statistics.fmean(values)
