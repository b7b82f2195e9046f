"""What a command prints: tables for people, JSON or CSV for programs; stderr is for narration."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeVar

import click

from emeth_tui.cli.output.table import Column, Style, fact_lines, table_lines
from emeth_tui.streams import narrate

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; its fields: docs/command-line.md.")
CSV = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one row a line.")


def example(*lines: str) -> str:
    """Return the examples at the end of a command's help."""
    return "\b\n" + "\n".join(
        ["Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)]
    )


@dataclass(frozen=True)
class Output:
    """How this run prints."""

    as_json: bool = False
    as_csv: bool = False
    ascii_only: bool = False

    def __post_init__(self) -> None:
        if self.as_json and self.as_csv:
            raise click.UsageError("--json or --csv, not both")

    @property
    def for_people(self) -> bool:
        return not (self.as_json or self.as_csv)

    @cached_property
    def style(self) -> Style:
        """Fit the terminal; in a pipe nothing is cut and nothing coloured."""
        on_terminal = sys.stdout.isatty()
        capable = os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
        speaks_unicode = codecs.lookup(sys.stdout.encoding).name.startswith("utf-")
        return Style(
            width=shutil.get_terminal_size().columns if on_terminal else None,
            colours=on_terminal and capable,
            plain=self.ascii_only or not speaks_unicode,
        )

    def table(
        self,
        kind: type[Any],
        rows: Sequence[T],
        record: Callable[[T], Any],
        columns: Callable[[], Sequence[Column[T]]],
    ) -> None:
        """Print rows: as a table of `columns`, or as what `record` makes of each, an instance of `kind`."""
        if self.as_json:
            print_json([asdict(record(row)) for row in rows])
        elif self.as_csv:
            from emeth_tui.listings.csv_text import csv_text

            sys.stdout.write(csv_text(kind, map(record, rows)))
        else:
            self.lines(table_lines(columns(), rows, self.style))

    def facts(self, facts: Sequence[tuple[str, str, str]]) -> None:
        """Print labels and texts."""
        self.lines(fact_lines(facts, self.style))

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they are."""
        for line in lines:
            print(line)

    def nothing(self, text: str) -> None:
        """Say, to people, why there are no rows."""
        if self.for_people:
            narrate(text)


def print_json(document: object) -> None:
    """Print a document: indented for people at a terminal, on one line each in a stream."""
    ascii_only = not codecs.lookup(sys.stdout.encoding).name.startswith("utf-")
    print(json.dumps(document, indent=2, ensure_ascii=ascii_only))


def print_json_line(document: object) -> None:
    """Print a document on one line, at once: something follows it."""
    ascii_only = not codecs.lookup(sys.stdout.encoding).name.startswith("utf-")
    print(json.dumps(document, ensure_ascii=ascii_only), flush=True)
