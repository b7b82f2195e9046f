"""Asking before money is spent: what it costs stands on stderr first, whoever answers."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from emeth_tui.cli.output.printing import Output
from emeth_tui.cli.output.table import fact_lines
from emeth_tui.errors import NotConfirmed
from emeth_tui.notices.reasons.command_line import AnsweredNo, NotConfirmedHere
from emeth_tui.process.terminal_input import interruptible
from emeth_tui.streams import narrate

YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def confirm(output: Output, question: str, facts: Sequence[tuple[str, str, str]], *, yes: bool) -> None:
    """Show the facts and ask, unless `yes`. Raise NotConfirmed, also where nobody can be asked."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    style = replace(output.style, width=width, colours=output.style.colours and width is not None)
    for line in fact_lines(facts, style):
        narrate(line)
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotConfirmed(NotConfirmedHere(shlex.join(["emeth-tui", *sys.argv[1:]])))
    with interruptible():
        print(f"{style.text(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    if answer.strip().lower() not in {"y", "yes"}:
        raise NotConfirmed(AnsweredNo())
