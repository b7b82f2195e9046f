"""`all`: every benchmark that this machine can run, one after the other, and one summary.

Each runs in a separate process, as if called alone, and its JSON is collected. If one fails, the failure is
recorded and the rest continues.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from benchmarks.report import Goal, json_option, narrate, show_goals

_COMMAND = (sys.executable, "-m", "benchmarks")
_GOAL_FIELDS = ("name", "target", "measured", "unit", "at_least")


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark of the set: a title, and its arguments for `python -m benchmarks`."""

    title: str
    arguments: tuple[str, ...]
    takes_threads: bool = False
    takes_corpus: bool = False


# The most important come first. There are as many rounds as a quarter of an hour allows on two cores.
PARTS = (
    Part(
        "training loop, vocabulary 50,257",
        ("train", "--vocab", "50257", "--rounds", "2", "--steps", "2", "--seeds", "3"),
        takes_threads=True,
        takes_corpus=True,
    ),
    Part(
        "training loop, vocabulary 8,192",
        ("train", "--vocab", "8192", "--rounds", "3", "--steps", "2", "--seeds", "3"),
        takes_threads=True,
        takes_corpus=True,
    ),
    Part("whole job", ("job",), takes_threads=True, takes_corpus=True),
    Part(
        "training loop, gpt2-medium's shape",
        ("train", "--shape", "gpt2-medium", "--sides", "ours,reference", "--rounds", "2"),
        takes_threads=True,
    ),
    Part("checkpoints and kills", ("resume", "--rounds", "1"), takes_threads=True),
    Part(
        "from text to tokens",
        ("tokenise", "--rounds", "3", "--round-mb", "2"),
        takes_threads=True,
        takes_corpus=True,
    ),
    Part("the screen", ("screen", "--seconds", "10")),
    Part("how cost grows", ("growth", "--train-s", "4", "--rounds", "2"), takes_corpus=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A part's report, or None when it failed."""

    part: Part
    seconds: float
    content: Mapping[str, Any] | None

    @property
    def goals(self) -> list[Goal]:
        """The report's goals."""
        said = self.content["goals"] if self.content else []
        return [Goal(**{field: goal[field] for field in _GOAL_FIELDS}) for goal in said]


def run_all(parts: Sequence[Part], threads: int | None, corpus: str | None) -> list[Outcome]:
    """Run all parts in order."""
    outcomes = []
    for part in parts:
        narrate(f"== {part.title}: {' '.join(part.arguments)}")
        outcomes.append(_run(part, threads, corpus))
        narrate(f"== took {outcomes[-1].seconds:.0f} s")
    return outcomes


def _run(part: Part, threads: int | None, corpus: str | None) -> Outcome:
    started = time.monotonic()
    completed = subprocess.run(
        [*_COMMAND, *_arguments(part, threads, corpus)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    content = json.loads(completed.stdout) if completed.returncode == 0 else None
    return Outcome(part, time.monotonic() - started, content)


def _arguments(part: Part, threads: int | None, corpus: str | None) -> list[str]:
    arguments = [*part.arguments, "--json"]
    if threads is not None and part.takes_threads:
        arguments += ["--threads", str(threads)]
    if corpus is not None and part.takes_corpus:
        arguments += ["--corpus", corpus]
    return arguments


@click.command("all", help="The whole set for a CPU (the default); `gpu` is the one for a GPU.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of each side; default: one a core.")
@click.option("--corpus", help="Directory of *.txt, real text wherever one is wanted; default: what ships.")
@json_option
def command(as_json: bool, threads: int | None, corpus: str | None) -> None:
    outcomes = run_all(PARTS, threads, corpus)
    show_outcomes(outcomes, as_json)
    if any(outcome.content is None for outcome in outcomes):
        sys.exit(1)


def show_outcomes(outcomes: Sequence[Outcome], as_json: bool) -> None:
    """Print every part's lines and the goals of all of them, or one JSON object by title."""
    if as_json:
        click.echo(json.dumps({outcome.part.title: outcome.content for outcome in outcomes}, indent=2))
        return
    for outcome in outcomes:
        click.echo(f"== {outcome.part.title} ({outcome.seconds:.0f} s)")
        for line in outcome.content["summary"] if outcome.content else ["failed: see above"]:
            click.echo(line)
    show_goals([goal for outcome in outcomes for goal in outcome.goals])
