"""`emeth-tui network`: deploy a network, serve it, join it, look at it."""

from __future__ import annotations

import click

from emeth_tui.cli.network.admitting import admit, introduce
from emeth_tui.cli.network.deploying import deploy
from emeth_tui.cli.network.funding import fund
from emeth_tui.cli.network.info import info
from emeth_tui.cli.network.joining import join
from emeth_tui.cli.network.rulings import decide, second, verdicts
from emeth_tui.cli.network.serving import serve


@click.group()
def network() -> None:
    """Have a network of your own: deploy its contracts, serve it, join it.

    docs/private-network.md goes through it, from nothing to nodes that earn.
    """


for _command in (deploy, serve, second, verdicts, decide, join, introduce, admit, fund, info):
    network.add_command(_command)
