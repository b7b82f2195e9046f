"""Which node a command speaks of, and the ways to ask: its socket while it runs, its database always."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from emeth_tui.cli.node.settings import options_of, settings_of
from emeth_tui.errors import CommandRefused, ControlError, NotRunning, StoreError
from emeth_tui.model import AskedAt
from emeth_tui.words.translation import speak

if TYPE_CHECKING:
    import asyncio

    from emeth_tui.cli.node.options import StartOptions
    from emeth_tui.control.connection import Connection
    from emeth_tui.control.wire import Hello
    from emeth_tui.engine.events import JobProgress
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.notices.event import Event
    from emeth_tui.settings import Network, Settings
    from emeth_tui.store.reading import StoreReader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A node's settings, and so where it keeps its state and listens."""

    settings: Settings
    options: StartOptions

    @property
    def state_dir(self) -> Path:
        return self.settings.state_dir

    @property
    def pid(self) -> int | None:
        """The process of the node that runs here, None when there is none."""
        from emeth_tui.store.lock import lock_holder

        return lock_holder(self.state_dir)

    def network(self) -> Network:
        """Return the network that the settings choose, without its verification key."""
        from emeth_tui.settings import load_network

        return load_network(self.settings, environment={})

    def native_symbol(self) -> str:
        """Return the symbol of the native token; a local network has no more in its settings than that."""
        from emeth_tui.settings import native_symbol

        return native_symbol(self.settings)

    @contextmanager
    def tables(self) -> Iterator[StoreReader]:
        """Read the node's database beside it. Raise StoreError."""
        from emeth_tui.store.reading import read_store

        with read_store(self.state_dir) as tables:
            if tables is None:
                from emeth_tui.notices.reasons.store import NoDatabase

                raise StoreError(NoDatabase(self.state_dir))
            yield tables

    @asynccontextmanager
    async def node(
        self,
        on_news: Callable[[Event | JobProgress], None] = lambda _news: None,
        *,
        own_codes: bool = False,
    ) -> AsyncIterator[LiveNode]:
        """Connect to the running node. Raise NotRunning, CommandRefused, or ControlError.

        With `own_codes`, what the node refuses has the exit code that it has without a node.
        """
        from emeth_tui.control.connection import ConnectionBroken, Refused, connect
        from emeth_tui.notices.reasons.command_line import NoNodeRuns
        from emeth_tui.notices.reasons.control import NodeNeverAnswered

        pid = self.pid
        if pid is None:
            raise NotRunning(NoNodeRuns(self.state_dir))
        try:
            async with connect(self.settings.control_dir, AskedAt.COMMAND_LINE, on_news) as connection:
                yield LiveNode(connection)
        except Refused as refusal:
            refused = CommandRefused(refusal.reason)
            if own_codes:
                refused.exit_code = refusal.own_code
            raise refused from refusal
        except ConnectionBroken as error:
            raise ControlError(NodeNeverAnswered(pid, error.reason)) from error


@dataclass(frozen=True, slots=True)
class LiveNode:
    """A connection to a running node; `reading` ends when the node does."""

    connection: Connection

    @property
    def hello(self) -> Hello:
        return self.connection.hello

    @property
    def reading(self) -> asyncio.Task[None]:
        return self.connection.reading

    @property
    def has_ended(self) -> bool:
        """Whether the node has said goodbye."""
        from emeth_tui.control.connection import NodeEnded

        return self.reading.done() and isinstance(self.reading.exception(), NodeEnded)

    async def snapshot(self) -> Snapshot:
        """Return the node as it is now."""
        snapshot: Snapshot = await self.connection.ask("snapshot")
        return snapshot


def place_of(context: click.Context) -> Place:
    """Return the node that the options before the command name; speak the language that they choose."""
    options = options_of(context)
    settings = settings_of(options)
    speak(settings.screen.language)
    return Place(settings, options)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine."""
    import asyncio

    return asyncio.run(work)
