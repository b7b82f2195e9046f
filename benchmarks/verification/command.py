"""The command line of `verification`: what `loss` or `replay` catch, and whether they reject honest work."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.finetune.base_model import BaseShape, base_model
from benchmarks.finetune.material import NEAR, load_material
from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from benchmarks.verification.by_rule import ACCEPTED, Drawn, draw, draw_honest
from benchmarks.verification.measuring import Run, measure, measure_honest
from benchmarks.verification.results import Text, Weights
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.errors import JobError
from emeth_tui.model import Language
from emeth_tui.network.verification.judging import check_learning
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.models import DEVNET_SMALL

HONEST = "honest"
_BASE = BaseShape(layers=2, width=128, vocab=1024, epochs=8)
_CACHE = Path("~/.cache/emeth-tui-benchmarks").expanduser()
_REJECTED_GOAL = 0  # honest results


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """Which texts to measure on, of each language."""

    texts: int
    size: int
    seed: int
    corpus: Path | None


@click.command("verification", help="What `loss`, or `replay`, makes of honest and dishonest results.")
@click.option("--texts", default=20, show_default=True, type=click.IntRange(min=1), help="Of each language.")
@click.option("--size", default=4_300, show_default=True, type=click.IntRange(min=4_200), help="In bytes.")
@click.option("--pretrained", is_flag=True, help="Fine-tune a small pretrained model, not one from scratch.")
@click.option("--replay", is_flag=True, help="Draw epochs of each and train them again, in place of `loss`.")
@click.option("--honest", type=click.IntRange(1, 8), help="Only honest results, of so many jobs a text.")
@click.option("--node", "nodes", multiple=True, help="With --replay: only this dishonest node.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A directory of *.txt to cut the texts from; default: the devnet's.",
)
@click.option("--seed", default=0, show_default=True, help="Of the texts.")
@click.option("--cache", type=click.Path(path_type=Path), default=_CACHE, help="Of pretrained models.")
@json_option
def command(
    texts: int,
    size: int,
    pretrained: bool,
    replay: bool,
    honest: int | None,
    nodes: tuple[str, ...],
    corpus: Path | None,
    seed: int,
    cache: Path,
    as_json: bool,
) -> None:
    torch.set_num_threads(1)
    wanted = _Wanted(texts, size, seed, corpus)
    made = [
        list(_pretrained(language, wanted, cache) if pretrained else _from_scratch(language, wanted))
        for language in Language
    ]
    if replay:
        show(report_drawn([one for of in made for one in drawn(of, honest, nodes)], this_machine()), as_json)
    else:
        show(report([run for of in made for run in measured(of, honest)], this_machine()), as_json)


def drawn(texts: Sequence[Text], honest: int | None = None, nodes: Collection[str] = ()) -> Iterator[Drawn]:
    """Have drawn epochs of results on these texts trained again; each has the result before it, too.

    With `honest`, only of so many honest results a text; with `nodes`, only of these dishonest ones.
    """
    other: Weights | None = None
    for text in texts:
        narrate(f"{text.language}, text {text.number}: {len(text.content)} bytes")
        with tempfile.TemporaryDirectory(prefix="emeth-drawn-") as place:
            if honest:
                yield from draw_honest(text, Path(place), honest)
                continue
            for outcome in draw(text, Path(place), other, nodes):
                if isinstance(outcome, Drawn):
                    yield outcome
                else:
                    other = outcome


def measured(texts: Sequence[Text], honest: int | None = None) -> Iterator[Run]:
    """Measure results on these texts; each has a result on the text before it submitted, too.

    With `honest`, only so many honest results a text.
    """
    other: Weights | None = None
    for text in texts:
        narrate(f"{text.language}, text {text.number}: {len(text.content)} bytes")
        if honest:
            yield from measure_honest(text, honest)
            continue
        for outcome in measure(text, other):
            if isinstance(outcome, Run):
                yield outcome
            else:
                other = outcome


def report(runs: Sequence[Run], machine: Machine) -> Report:
    """Count what becomes of each kind of result."""
    verdicts = [(run, verdict(run)) for run in runs]
    details = [{**dataclasses.asdict(run), "verdict": why} for run, why in verdicts]
    return _report([(run.node, why) for run, why in verdicts], details, machine)


def report_drawn(drawn: Sequence[Drawn], machine: Machine) -> Report:
    """Count what becomes of each kind of result where epochs are trained again."""
    return _report([(one.node, one.verdict) for one in drawn], list(map(dataclasses.asdict, drawn)), machine)


def _report(verdicts: Sequence[tuple[str, str]], details: list[dict[str, Any]], machine: Machine) -> Report:
    table = {
        node: dict(Counter(why for one, why in verdicts if one == node).most_common())
        for node in dict.fromkeys(node for node, _why in verdicts)
    }
    rejected = sum(count for why, count in table.get(HONEST, {}).items() if why != ACCEPTED)
    return Report(
        content={"verdicts": table, "runs": details},
        lines=[f"{node:<20} {_counted(counts)}" for node, counts in table.items()],
        machine=machine,
        goals=[Goal("honest results rejected", _REJECTED_GOAL, rejected, "results", at_least=False)],
    )


def verdict(run: Run) -> str:
    """Return the name of the rule that a result breaks, or that it is accepted."""
    if not run.learning.result.valid < run.learning.start.valid:
        return "LearnedNothing"
    try:
        check_learning(run.learning)
    except JobError as error:
        return type(error.reason).__name__
    return ACCEPTED


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{why} {count}" for why, count in counts.items())


def _from_scratch(language: Language, wanted: _Wanted) -> Iterator[Text]:
    corpus = load_corpus(wanted.corpus)
    for number in range(wanted.texts):
        content = corpus.cut(language, wanted.size, random.Random(f"{wanted.seed} {number}"))
        yield Text(number, language.value, DEVNET_SMALL, content)


def _pretrained(language: Language, wanted: _Wanted, cache: Path) -> Iterator[Text]:
    material = load_material(language, wanted.corpus)
    model = str(base_model(cache, material.pretraining, _BASE, open_device("cpu"), narrate))
    for number in range(wanted.texts):
        text = material.domains[NEAR].cut(language, wanted.size, wanted.seed * 1_000 + number)
        yield Text(number, language.value, model, text.encode())
