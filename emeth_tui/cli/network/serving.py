"""`emeth-tui network serve`: run a network's services until they are stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.requester.place import wallet_of
from emeth_tui.cli.types import FILE
from emeth_tui.errors import ExitCode
from emeth_tui.streams import announce


@click.command(epilog=example("emeth-tui network serve --config serve.toml"))
@click.option("--config", "path", type=FILE, required=True, help="What to serve, and how.")
@click.pass_context
def serve(context: click.Context, /, path: Path) -> ExitCode:
    """Serve a network: storage API and info server at one address and, if the file says so, the verifier.

    Prints the address when everything answers. SIGTERM stops it: what is under way is finished first.
    docs/command-line.md has the file's keys.
    """
    from emeth_tui.network.extra import check_extra

    check_extra()
    from emeth_tui.hardening import take_out
    from emeth_tui.network.serving.config import read_serve_settings
    from emeth_tui.network.serving.credentials import VARIABLES
    from emeth_tui.network.serving.log_lines import log_to_stderr
    from emeth_tui.network.serving.server import serve as serve_network
    from emeth_tui.settings.profiles import read_profile

    secrets = take_out(VARIABLES)
    settings = read_serve_settings(path)
    network = read_profile(settings.profile)
    wallet = wallet_of(place_of(context), take_secrets()) if settings.verify else None
    log_to_stderr(settings.log_format)
    asyncio.run(serve_network(settings, network, wallet, say, secrets))
    return ExitCode.OK


def say(text: str) -> None:
    """Print a line that others wait for."""
    announce(text)
