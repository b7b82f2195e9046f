"""`emeth-tui hosts add`, `drain` and `remove`: they write the file that a running node follows."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.place import place_of, run
from emeth_tui.cli.output.printing import example
from emeth_tui.errors import ExitCode, HostError, SshError
from emeth_tui.streams import narrate
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.hosts.messages import KeeperHello
    from emeth_tui.hosts.node.book import Book, Host

CHECK_LIMIT_S = 90.0  # the first time, the host loads a lot


@click.command(epilog=example("emeth-tui hosts add attic --ssh me@attic.example"))
@click.argument("name")
@click.option("--ssh", "destination", required=True, metavar="[USER@]HOST", help="As ssh takes it.")
@click.option("--ssh-command", default="ssh", help="ssh with options of its own.", show_default=True)
@click.option("--remote-command", metavar="COMMAND", help="How emeth-tui is called there.")
@click.option("--no-check", is_flag=True, help="Add it without reaching it first.")
@click.pass_context
def add(
    context: click.Context,
    name: str,
    destination: str,
    ssh_command: str,
    remote_command: str | None,
    no_check: bool,
) -> ExitCode:
    """Have another machine train for this node, on its devices, reached over ssh.

    ssh must get in without a question, and emeth-tui must be installed there. NAME is yours to choose.
    """
    from emeth_tui.hosts.node.book import Host, change_book, read_book
    from emeth_tui.transport.ssh import REMOTE_COMMAND

    try:
        words = tuple(shlex.split(ssh_command))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ssh-command") from error
    if not words:
        raise click.BadParameter("no command", param_hint="--ssh-command")
    place = place_of(context)
    host = Host(name, destination, words, remote_command or REMOTE_COMMAND)
    book = read_book(place.state_dir).with_host(host)
    if not no_check:
        _say_found(run(_reach(host, book)))
    change_book(place.state_dir, lambda latest: latest.with_host(host), book.node)
    print(_("host {name} is added; a running node uses it within seconds").format(name=name))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui hosts drain attic", "emeth-tui hosts drain attic --undo"))
@click.argument("name")
@click.option("--undo", is_flag=True, help="Give it new jobs again.")
@click.pass_context
def drain(context: click.Context, name: str, undo: bool) -> ExitCode:
    """Let a machine finish the jobs that it has, and give it no new ones."""
    _change(context, lambda book: book.drained(name, not undo))
    said = _("host {name} gets new jobs again") if undo else _("host {name} gets no new jobs")
    print(said.format(name=name))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui hosts remove attic"))
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> ExitCode:
    """Use a machine no more: a job that it has is saved and goes on elsewhere, from its checkpoint at home.

    `hosts drain` first, and nothing has to move.
    """
    _change(context, lambda book: book.without(name))
    print(_("host {name} is removed").format(name=name))
    return ExitCode.OK


def _change(context: click.Context, changed: Callable[[Book], Book]) -> None:
    from emeth_tui.hosts.node.book import change_book

    change_book(place_of(context).state_dir, changed)


async def _reach(host: Host, book: Book) -> KeeperHello:
    """Return what a host says of itself. Raise SshError or HostError."""
    import anyio

    from emeth_tui.hosts.frames import BadFrame, FramesEnded
    from emeth_tui.hosts.link.line import LineFailed, Route, open_line
    from emeth_tui.hosts.messages import PROTOCOL, KeeperHello
    from emeth_tui.notices.reasons.network.host import HostRulesBroken, OtherHostProtocol
    from emeth_tui.notices.reasons.worker import ProcessSilent

    try:
        async with open_line(Route(host.destination, host.ssh, host.remote_command, book.node)) as line:
            try:
                with anyio.fail_after(CHECK_LIMIT_S):
                    hello = await line.frames.read()
            except FramesEnded as error:
                raise await line.failure() from error
    except LineFailed as error:
        raise SshError(error.reason) from error
    except TimeoutError as error:
        raise SshError(ProcessSilent(CHECK_LIMIT_S)) from error
    except BadFrame as error:
        raise HostError(HostRulesBroken(str(error))) from error
    if not isinstance(hello, KeeperHello):
        raise HostError(HostRulesBroken(f"a {type(hello).__name__} before any hello"))
    if hello.protocol != PROTOCOL:
        raise HostError(OtherHostProtocol(hello.protocol, PROTOCOL, hello.versions.emeth_tui))
    return hello


def _say_found(hello: KeeperHello) -> None:
    from emeth_tui.hosts.keeper.server import installed_versions
    from emeth_tui.words.formats import size

    theirs, ours = hello.versions, installed_versions()
    devices = ", ".join(device.name for device in hello.devices)
    narrate(_("found: {devices}, {free} free").format(devices=devices, free=size(hello.free_bytes)))
    for name, there, here in (
        ("emeth-tui", theirs.emeth_tui, ours.emeth_tui),
        ("Python", theirs.python, ours.python),
        ("torch", theirs.torch, ours.torch),
    ):
        if there != here:
            said = _("it has {what} {there}, this machine {here}")
            narrate(said.format(what=name, there=there or "–", here=here or "–"))
