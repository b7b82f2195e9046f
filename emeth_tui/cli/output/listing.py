"""What all commands that list something have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import CSV, JSON, Output
from emeth_tui.errors import ExitCode


def listing(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Give a command `--json` and `--csv`, and call it with the node's place, how to print, and the rest."""

    def printed(context: click.Context, as_json: bool, as_csv: bool, **options: Any) -> ExitCode:
        place = place_of(context)
        return command(place, Output(as_json, as_csv, place.settings.screen.ascii), **options)

    named: Callable[..., ExitCode] = update_wrapper(printed, command)
    return JSON(CSV(click.pass_context(named)))
