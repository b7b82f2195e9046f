"""`emeth-tui hosts join` and `hosts service`: what a host over TLS runs, and how systemd starts it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.hosts.changing import say_differences
from emeth_tui.cli.hosts.far_end import means_of
from emeth_tui.cli.node.place import place_of, run
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import FILE
from emeth_tui.errors import ExitCode
from emeth_tui.streams import narrate
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.hosts.keeper.place import Means
    from emeth_tui.hosts.messages import Versions
    from emeth_tui.hosts.tls.invitation import Invitation
    from emeth_tui.notices.notice import Reason


@click.command(epilog=example("emeth-tui hosts join barn.emeth"))
@click.argument("file", type=FILE)
@click.pass_context
def join(context: click.Context, file: Path) -> ExitCode:
    """Train for a node on another machine, by the file that `emeth-tui hosts add` wrote there.

    It runs until it is stopped; what trains then goes on by itself. Devices and directories are those of the
    settings here: workers.devices and cache.directory.
    """
    from emeth_tui.hosts.no_pickles import refuse_pickles

    refuse_pickles()
    from emeth_tui.hosts.tls.invitation import read_invitation
    from emeth_tui.hosts.tls.inviting import check_extra
    from emeth_tui.hosts.tls.lean import leave_out_numpy

    check_extra()
    leave_out_numpy()
    settings = place_of(context).settings
    invitation = read_invitation(file)
    root = settings.cache_base / "hosts" / invitation.node
    run(_join(invitation, root, means_of(settings)))
    return ExitCode.OK


async def _join(invitation: Invitation, root: Path, means: Means) -> None:
    from emeth_tui.hosts.keeper.place import KeeperPlace
    from emeth_tui.hosts.tls.relay import Joining

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it logs what strangers send
    names = ", ".join(device.name for device in means.devices)
    narrate(_("host {name}: {devices}").format(name=invitation.name, devices=names))
    joining = Joining(invitation, KeeperPlace(root), means, _joined, _failed)
    await joining.run()


def _joined(versions: Versions) -> None:
    narrate(_("the node is connected"))
    say_differences(versions)


def _failed(reason: Reason) -> None:
    detail = text_of(reason)
    narrate(_("the node is not reached: {detail}; it is tried again").format(detail=detail))


@click.command(
    epilog=example("emeth-tui hosts service ~/barn.emeth", "emeth-tui hosts service barn.emeth --print")
)
@click.argument("file", type=FILE)
@click.option("--print", "only_print", is_flag=True, help="Print the unit, and change nothing.")
@click.pass_context
def service(context: click.Context, file: Path, only_print: bool) -> ExitCode:
    """Have your systemd run `emeth-tui hosts join FILE`, now and at each start of the machine.

    The unit is named by the host and the node: a machine that trains for several nodes has one for each.
    """
    from emeth_tui.hosts.tls.invitation import read_invitation
    from emeth_tui.service.host_unit import host_unit, unit_name
    from emeth_tui.service.systemd import Systemd
    from emeth_tui.service.unit import Scope

    invitation = read_invitation(file)
    host, node = invitation.name, invitation.node
    config = context.find_root().params.get("config")
    options = [] if config is None else ["--config", str(Path(config).absolute())]
    command = [sys.executable, "-m", "emeth_tui", *options, "hosts", "join", str(file.absolute())]
    text, name = host_unit(command, host, node), unit_name(host, node)
    if only_print:
        print(text, end="")
        return ExitCode.OK
    systemd = Systemd(Scope.USER, name=name)
    systemd.write(text)
    print(_("{path}: written").format(path=systemd.unit_path))
    if not systemd.runs:
        narrate(_("systemd does not run here: the service starts where it does"))
        return ExitCode.OK
    systemd.control("daemon-reload")
    systemd.control("enable", "--now", "--no-block", name)
    narrate(_("without `loginctl enable-linger` it ends when you log out"))
    return ExitCode.OK
