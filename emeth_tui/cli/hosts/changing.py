"""`emeth-tui hosts add`, `rotate`, `drain` and `remove`: they write the file that a running node follows.

A node that runs drains a host itself: its event says who asked.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import FILE
from emeth_tui.errors import CommandRefused, ControlError, ExitCode, HostError, NotRunning, SshError
from emeth_tui.streams import narrate
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.hosts.messages import KeeperHello, Versions
    from emeth_tui.hosts.node.book import Book, Host

CHECK_LIMIT_S = 90.0  # the first time, the host loads a lot


@click.command(
    epilog=example(
        "emeth-tui hosts add attic --ssh me@attic.example",
        "emeth-tui hosts add barn 10.0.0.2 --file barn.emeth",
    )
)
@click.argument("name")
@click.argument("address", required=False)
@click.option("--ssh", "destination", metavar="[USER@]HOST", help="Reach it over ssh: as ssh takes it.")
@click.option("--ssh-command", default="ssh", help="ssh with options of its own.", show_default=True)
@click.option("--remote-command", metavar="COMMAND", help="How emeth-tui is called there.")
@click.option("--no-check", is_flag=True, help="Add it without reaching it over ssh first.")
@click.option("--here", metavar="ADDRESS[:PORT]", help="Where this machine is reached from there.")
@click.option("--file", "path", type=FILE, help="What the host joins by [default: NAME.emeth].")
@click.pass_context
def add(
    context: click.Context,
    name: str,
    address: str | None,
    destination: str | None,
    ssh_command: str,
    remote_command: str | None,
    no_check: bool,
    here: str | None,
    path: Path | None,
) -> ExitCode:
    """Have another machine train for this node, on its devices, over ssh or over TLS.

    Over ssh, ssh must get in without a question. Over TLS, ADDRESS[:PORT] is where the machine is reached,
    and a file is written by which `emeth-tui hosts join` there makes the connection: it holds a key.
    emeth-tui must be installed there. NAME is yours to choose.
    """
    if (address is None) == (destination is None):
        raise click.UsageError(_("give an address, for TLS, or --ssh"))
    place = place_of(context)
    if address is not None:
        _add_over_tls(place.state_dir, name, address, here, path or Path(f"{name}.emeth"))
    else:
        assert destination is not None  # noqa: S101 - one of the two
        _add_over_ssh(place.state_dir, name, destination, ssh_command, remote_command, check=not no_check)
    print(_("host {name} is added; a running node uses it within seconds").format(name=name))
    return ExitCode.OK


def _add_over_ssh(
    state_dir: Path, name: str, destination: str, ssh: str, remote_command: str | None, *, check: bool
) -> None:
    from emeth_tui.hosts.node.book import Host, change_book, read_book
    from emeth_tui.transport.ssh import REMOTE_COMMAND

    try:
        words = tuple(shlex.split(ssh))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ssh-command") from error
    if not words:
        raise click.BadParameter("no command", param_hint="--ssh-command")
    host = Host(name, destination, words, remote_command or REMOTE_COMMAND)
    book = read_book(state_dir).with_host(host)
    if check:
        _say_found(run(_reach(host, book)))
    change_book(state_dir, lambda latest: latest.with_host(host), book.node)


def _add_over_tls(state_dir: Path, name: str, address: str, here: str | None, path: Path) -> None:
    from emeth_tui.hosts.node.book import Host, OverTls, change_book
    from emeth_tui.hosts.tls.inviting import check_extra, here_towards, place_of_text, write_host_file
    from emeth_tui.hosts.tls.names import HOST_PORT

    check_extra()
    place = place_of_text(address, HOST_PORT)

    def with_host(book: Book) -> Book:
        port = book.tls_port
        here_place = here_towards(place, port) if here is None else place_of_text(here, port)
        book.with_host(
            Host(name, str(place), tls=OverTls(place, here_place, "0" * 64))
        )  # before a file is written
        tls = write_host_file(state_dir, book.node, name, place, here_place, path)
        return book.with_host(Host(name, str(place), tls=tls))

    book = change_book(state_dir, with_host)
    _say_what_to_do(book.find(name), path)


def _say_what_to_do(host: Host, path: Path) -> None:
    assert host.tls is not None  # noqa: S101 - it was added so
    said = _("{path} holds {name}'s key: bring it there by a safe way, and run `emeth-tui hosts join {file}`")
    narrate(said.format(path=path, name=host.name, file=path.name))
    narrate(
        _("it reaches this machine at {here}, and this machine reaches it at {place}").format(
            here=host.tls.here, place=host.tls.place
        )
    )


@click.command(epilog=example("emeth-tui hosts rotate barn"))
@click.argument("name")
@click.option("--file", "path", type=FILE, help="What the host joins by [default: NAME.emeth].")
@click.pass_context
def rotate(context: click.Context, name: str, path: Path | None) -> ExitCode:
    """Give a machine that is reached over TLS a new certificate; the old one is refused within seconds.

    What trains there goes on, and is heard of again once `emeth-tui hosts join` has the new file.
    """
    from emeth_tui.hosts.node.book import change_book
    from emeth_tui.hosts.tls.inviting import check_extra, write_host_file

    check_extra()
    state_dir = place_of(context).state_dir
    target = path or Path(f"{name}.emeth")

    def with_other(book: Book) -> Book:
        before = book.rotated(name, "0" * 64).find(name).tls
        assert before is not None  # noqa: S101 - or it would have raised
        tls = write_host_file(state_dir, book.node, name, before.place, before.here, target)
        return book.rotated(name, tls.certificate)

    _say_what_to_do(change_book(state_dir, with_other).find(name), target)
    print(_("host {name} has a new certificate").format(name=name))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui hosts drain attic", "emeth-tui hosts drain attic --undo"))
@click.argument("name")
@click.option("--undo", is_flag=True, help="Give it new jobs again.")
@click.pass_context
def drain(context: click.Context, name: str, undo: bool) -> ExitCode:
    """Let a machine finish the jobs that it has, and give it no new ones."""
    from emeth_tui.hosts.node import book

    place = place_of(context)
    if place.pid is None or not run(_drained_by_node(place, name, undo)):
        book.drain(place.state_dir, name, not undo)
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
    from emeth_tui.hosts.node.book import change_book

    change_book(place_of(context).state_dir, lambda book: book.without(name))
    print(_("host {name} is removed").format(name=name))
    return ExitCode.OK


async def _drained_by_node(place: Place, name: str, undo: bool) -> bool:
    """Have the running node do it, whose event says who asked; return whether it has."""
    try:
        async with place.node() as node:
            await node.connection.do("drain_host", name=name, undo=undo)
    except (NotRunning, CommandRefused, ControlError) as error:  # its file has the last word, if any
        narrate(str(error))
        return False
    return True


async def _reach(host: Host, book: Book) -> KeeperHello:
    """Return what a host says of itself. Raise SshError or HostError."""
    import anyio

    from emeth_tui.hosts.frames import BadFrame, FramesEnded
    from emeth_tui.hosts.link.line import LineFailed, ssh_line
    from emeth_tui.hosts.link.route import Route
    from emeth_tui.hosts.messages import PROTOCOL, KeeperHello
    from emeth_tui.notices.reasons.network.breaches import SentInPlaceOf
    from emeth_tui.notices.reasons.network.host import HostRulesBroken, OtherHostProtocol
    from emeth_tui.notices.reasons.worker import ProcessSilent

    try:
        async with ssh_line(Route(host.destination, host.ssh, host.remote_command, book.node)) as line:
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
        raise HostError(HostRulesBroken(error.reason)) from error
    if not isinstance(hello, KeeperHello):
        early = SentInPlaceOf(type(hello).__name__, KeeperHello.__name__)
        raise HostError(HostRulesBroken(early))
    if hello.protocol != PROTOCOL:
        raise HostError(OtherHostProtocol(hello.protocol, PROTOCOL, hello.versions.emeth_tui))
    return hello


def _say_found(hello: KeeperHello) -> None:
    from emeth_tui.words.formats import size

    devices = ", ".join(device.name for device in hello.devices)
    narrate(_("found: {devices}, {free} free").format(devices=devices, free=size(hello.free_bytes)))
    say_differences(hello.versions)


def say_differences(theirs: Versions) -> None:
    """Say which versions differ between the other machine and this one."""
    from emeth_tui.hosts.keeper.server import installed_versions
    from emeth_tui.hosts.versions import differences

    for name, there, here in differences(theirs, installed_versions()):
        narrate(_("it has {what} {there}, this machine {here}").format(what=name, there=there, here=here))
