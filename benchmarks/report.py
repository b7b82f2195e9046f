"""What a benchmark returns: figures for machines, lines for people, and goals checked against the figures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from benchmarks.rounds import Machine

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="CPU threads of each side; default: one a core. 1 where others share the cores.",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A target for a figure; `measured` is None when this run could not measure it."""

    name: str
    target: float
    measured: float | None
    unit: str = "x"
    at_least: bool = True  # False: at most

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached, None when nothing was measured."""
        if self.measured is None:
            return None
        return self.measured >= self.target if self.at_least else self.measured <= self.target

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        measured = "not measured" if self.measured is None else f"{self.measured:,.6g} {self.unit}"
        verdict = {True: "reached", False: "NOT REACHED", None: "open"}[self.reached]
        return f"{self.name:<58} {sign} {self.target:>9,.6g} {self.unit:<9} {measured:>22}  {verdict}"


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's outcome: `content` goes into the JSON as it is, `lines` are for people."""

    content: Mapping[str, Any]
    lines: Sequence[str]
    machine: Machine | None = None
    goals: Sequence[Goal] = ()

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints: the content, plus `summary`, `goals` and `machine`."""
        return {
            **self.content,
            "machine": dataclasses.asdict(self.machine) if self.machine else None,
            "summary": list(self.lines),
            "goals": [{**dataclasses.asdict(goal), "reached": goal.reached} for goal in self.goals],
        }


def show(report: Report, as_json: bool) -> None:
    """Print a report to stdout."""
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
        return
    for line in report.lines:
        click.echo(line)
    if report.machine:
        click.echo(described(report.machine))
    show_goals(report.goals)


def show_goals(goals: Sequence[Goal]) -> None:
    """Print the table of goals, if there are any."""
    for line in ("goals:", *map(str, goals)) if goals else ():
        click.echo(line)


def described(machine: Machine) -> str:
    """Describe a machine on one line."""
    return (
        f"on {machine.cpu}, {machine.cores} cores ({machine.vector_instructions}), "
        f"{machine.torch_threads} threads, load {machine.load_average:.1f}; Python {machine.python}, "
        f"torch {machine.torch}, transformers {machine.transformers}"
    )


def narrate(line: str) -> None:
    """Report progress on stderr."""
    click.echo(line, err=True)
