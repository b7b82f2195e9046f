"""`emeth-tui relay`: the far end of `emeth-tui attach HOST`."""

from __future__ import annotations

import click

from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import example
from emeth_tui.errors import ExitCode, NotRunning


@click.command(hidden=True, epilog=example("ssh gpu-farm emeth-tui relay"))
@click.pass_context
def relay(context: click.Context) -> ExitCode:
    """Join standard input and output to the running node's control socket; `attach` calls it over ssh."""
    from emeth_tui.control.relay import relay
    from emeth_tui.notices.reasons.command_line import NoNodeRuns

    place = place_of(context)
    if place.pid is None:
        raise NotRunning(NoNodeRuns(place.state_dir))
    relay(place.settings.control_dir)
    return ExitCode.OK
