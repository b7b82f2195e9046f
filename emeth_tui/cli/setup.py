"""`emeth-tui setup`: write the first settings, question by question."""

from __future__ import annotations

from pathlib import Path

import click

from emeth_tui.cli.node.settings import options_of
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import FILE, LANGUAGE
from emeth_tui.errors import ExitCode


@click.command(epilog=example("emeth-tui setup"))
@click.option("--config", "path", type=FILE, help="File to write [default: the one that a node would read].")
@click.option("--lang", type=LANGUAGE, help="Language to ask in [default: the locale's].")
@click.pass_context
def setup(context: click.Context, path: Path | None, lang: str | None) -> ExitCode:
    """Write the settings file, question by question, on any terminal.

    Asks for network, wallet, devices and cache limit, and checks the account's balances.
    """
    from emeth_tui.settings import default_config_path
    from emeth_tui.tui.setup.plain import run_plain_setup

    run_plain_setup(path or options_of(context).config or default_config_path(), lang or "")
    return ExitCode.OK
