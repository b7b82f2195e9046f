"""`emeth-tui hosts stdio` and `hosts keeper`: what runs on a host. ssh starts the one, and that the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import DIRECTORY
from emeth_tui.errors import ExitCode

if TYPE_CHECKING:
    from emeth_tui.hosts.keeper.place import Means
    from emeth_tui.settings import Settings


class NodeId(click.ParamType[str]):
    """A node's name among a host's nodes: it becomes a directory's."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if len(value) != 16 or not set(value) <= set("0123456789abcdef"):
            self.fail(f"{value!r} is not a node's id", param, ctx)
        return value


@click.command(hidden=True, epilog=example("ssh gpu-box emeth-tui hosts stdio 5d3c9a0b1f2e4d77"))
@click.argument("node", type=NodeId())
@click.pass_context
def stdio(context: click.Context, node: str) -> ExitCode:
    """Join standard input and output to this host's keeper for a node; the node calls it over ssh.

    Devices, directories and disk space are those of the settings here: workers.devices, cache.directory and
    cache.limit_gb.
    """
    from emeth_tui.hosts.keeper.place import KeeperPlace
    from emeth_tui.hosts.keeper.relay import relay

    settings = place_of(context).settings
    place = KeeperPlace(settings.cache_base / "hosts" / node)
    relay(place, means_of(settings))
    return ExitCode.OK


@click.command(
    hidden=True, epilog=example("emeth-tui hosts keeper --directory D --on cpu 4 --limit 60000000000")
)
@click.option("--directory", type=DIRECTORY, required=True, help="What it owns.")
@click.option("--on", "devices", type=(str, int), multiple=True, help="A device, and its worker's threads.")
@click.option("--limit", "limit_bytes", type=int, required=True, help="The most that its jobs' files take.")
def keeper(directory: Path, devices: tuple[tuple[str, int], ...], limit_bytes: int) -> ExitCode:
    """Own the workers of a node that is elsewhere; `hosts stdio` starts it."""
    from emeth_tui.hosts.keeper.place import KeeperPlace, Means
    from emeth_tui.hosts.keeper.server import run_keeper
    from emeth_tui.hosts.messages import FarDevice

    given = tuple(FarDevice(name, threads) for name, threads in devices)
    run_keeper(KeeperPlace(directory), Means(given, limit_bytes))
    return ExitCode.OK


def means_of(settings: Settings) -> Means:
    """Return what a host gives to a node, by its own settings."""
    from emeth_tui.engine.gpus.default_devices import devices_or_default
    from emeth_tui.hosts.keeper.place import Means
    from emeth_tui.hosts.messages import FarDevice
    from emeth_tui.workers.cores import thread_shares, usable_cores

    names = list(dict.fromkeys(devices_or_default(settings.workers.devices)))
    shares = zip(names, thread_shares(names, usable_cores()), strict=True)
    return Means(tuple(FarDevice(name, threads) for name, threads in shares), settings.cache_limit_bytes)
