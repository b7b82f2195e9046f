"""`emeth-tui attach`: a screen on the node that runs here, or over ssh on another machine."""

from __future__ import annotations

import shlex
import sys

import click

from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import example
from emeth_tui.errors import ExitCode, NotRunning, SshError
from emeth_tui.streams import narrate


@click.command(
    epilog=example("emeth-tui attach", "emeth-tui attach gpu-farm", "emeth-tui attach ssh://me@10.0.0.7:2222")
)
@click.argument("host", required=False)
@click.option("--read-only", is_flag=True, help="Only look: give the node no commands.")
@click.option("--ssh", "ssh_command", default="ssh", metavar="COMMAND", help="ssh, with options of its own.")
@click.option("--remote-command", metavar="COMMAND", help="How emeth-tui is called there, with options.")
@click.pass_context
def attach(
    context: click.Context,
    host: str | None,
    read_only: bool,
    ssh_command: str,
    remote_command: str | None,
) -> ExitCode:
    """Attach a screen to a running node: here, or on HOST over ssh.

    HOST is what ssh takes: [user@]host, or ssh://[user@]host[:port]. ssh asks what it has to ask before the
    screen comes up.
    """
    from emeth_tui.tui.terminal import check_terminal

    place = place_of(context)
    read_only = read_only or place.options.read_only
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("the screen needs a terminal")
    check_terminal()
    if host is None:
        return _attach_here(place, read_only=read_only)
    return _attach_there(place, host, ssh_command, remote_command, read_only=read_only)


def _attach_here(place: Place, *, read_only: bool) -> ExitCode:
    from emeth_tui.notices.reasons.command_line import NoNodeRuns
    from emeth_tui.running.views import view_running_node

    show_command = place.options.show_command()
    viewed = view_running_node(place.settings, show_command, with_screen=True, read_only=read_only)
    if viewed is None:
        raise NotRunning(NoNodeRuns(place.state_dir))
    return viewed


def _attach_there(
    place: Place, host: str, ssh_command: str, remote_command: str | None, *, read_only: bool
) -> ExitCode:
    from emeth_tui.control.ssh import LineDropped, SshLine
    from emeth_tui.running.views import view_node_over_ssh
    from emeth_tui.transport.ssh import REMOTE_COMMAND

    try:
        ssh = tuple(shlex.split(ssh_command))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ssh") from error
    if not ssh:
        raise click.BadParameter("no command", param_hint="--ssh")
    line = SshLine(host, ssh, remote_command or REMOTE_COMMAND)
    line.check()
    try:
        ended = run(view_node_over_ssh(line, place.settings, read_only=read_only))
    except LineDropped as error:
        raise SshError(error.reason) from error
    again = shlex.join(["emeth-tui", "attach", host])
    narrate(ended.text if ended.node_ended else f"{ended.text}; `{again}` shows it again")
    return ExitCode.OK
