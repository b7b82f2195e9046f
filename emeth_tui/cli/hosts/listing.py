"""`emeth-tui hosts`: the table of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import CSV, JSON, Output, example
from emeth_tui.cli.output.table import Column
from emeth_tui.errors import ExitCode
from emeth_tui.words.formats import duration, host_state_name, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.view import HostView


@click.group(
    invoke_without_command=True,
    epilog=example("emeth-tui hosts", "emeth-tui hosts add attic --ssh me@attic.example"),
)
@JSON
@CSV
@click.pass_context
def hosts(context: click.Context, as_json: bool, as_csv: bool) -> ExitCode:
    """List the other machines that train for this node, or add and remove some.

    They are reached over ssh or over TLS, and need emeth-tui; docs/hosts.md says how. A running node follows
    within seconds.
    """
    if context.invoked_subcommand is not None:
        return ExitCode.OK
    from emeth_tui.listings import making
    from emeth_tui.listings.records import HostRecord

    place = place_of(context)
    output = Output(as_json, as_csv, place.settings.screen.ascii)
    rows = run(_running(place)) if place.pid is not None else _at_rest(place)
    output.table(HostRecord, rows, making.host, _columns)
    if not rows:
        output.nothing(_("no other machine trains for this node; `emeth-tui hosts add` adds one"))
    elif place.pid is None:
        output.nothing(_("no node runs here: whether they are reached is not known"))
    return ExitCode.OK


async def _running(place: Place) -> list[HostView]:
    async with place.node() as node:
        return list((await node.snapshot()).hosts)


def _at_rest(place: Place) -> list[HostView]:
    from emeth_tui.engine.hosts.view import HostView
    from emeth_tui.hosts.node.book import read_book

    return [
        HostView(host.name, host.destination, False, host.draining)
        for host in read_book(place.state_dir).hosts
    ]


def _columns() -> list[Column[HostView]]:
    return [
        Column(_("host"), lambda host: host.name, lambda _host: "accent"),
        Column(_("state"), _state, lambda host: "" if host.joined else "warn"),
        Column(_("devices"), lambda host: ", ".join(host.devices)),
        Column(_("reached by"), lambda host: host.destination, rank=2),
        Column("emeth-tui", lambda host: host.version, rank=3),
        Column("Python", lambda host: host.python, rank=4),
        Column("torch", lambda host: host.torch, rank=4),
        Column(
            _("free"),
            lambda host: "" if host.free_bytes is None else size(host.free_bytes),
            right=True,
            rank=3,
        ),
        Column(_("files out"), lambda host: size(host.traffic.out_bytes), right=True, rank=4),
        Column(_("files home"), lambda host: size(host.traffic.home_bytes), right=True, rank=4),
        Column(_("last checkpoint home"), _checkpoint, right=True, rank=2),
        Column("", _reason, rank=1, flexible=True),
    ]


def _reason(host: HostView) -> str:
    reason = host.reason or host.lacks
    return "" if reason is None else text_of(reason)


def _state(host: HostView) -> str:
    away_s = host.away_s if host.reason else None  # of a node that does not run, nothing is known
    return host_state_name(joined=host.joined, draining=host.draining, away_s=away_s)


def _checkpoint(host: HostView) -> str:
    age_s = host.checkpoint_age_s
    return "" if age_s is None else _("{time} ago").format(time=duration(age_s))
