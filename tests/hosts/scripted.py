"""A keeper in this process whose workers are scripts, and the streams to speak with it as a link does."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from emeth_tui.hosts import messages
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.keeper.attempts import Attempt
from emeth_tui.hosts.keeper.place import KeeperPlace, Means
from emeth_tui.hosts.keeper.server import Keeper
from emeth_tui.hosts.messages import FarDevice, FromKeeper
from emeth_tui.notices.reasons.worker import ProcessKilled, ProcessLeft, ProcessSilent
from emeth_tui.transport.local_socket import connected_socket
from emeth_tui.workers.link import NoNews, OnEnd, ProcessDied, WorkerConfig
from emeth_tui.workers.messages import Ready, Shutdown, ToChild, ToParent
from emeth_tui.workers.wire import Reader, Writer

LIMIT_S = 120.0  # bounds a hang
LIMIT_BYTES = 10**9  # for jobs
JOB = "0x" + "6f" * 16
A, B = "a" * 16, "b" * 16
T = TypeVar("T")


class ScriptedWorker:
    """A WorkerLink that says what a test has it say."""

    def __init__(self, config: WorkerConfig, on_end: OnEnd) -> None:
        self.config = config
        self.sent: list[ToChild] = []
        self._on_end = on_end
        self._says: asyncio.Queue[ToParent | None] = asyncio.Queue()
        self.over = asyncio.Event()
        self._cause: Any = ProcessLeft(7, 0)
        self.say(Ready(7, config.device, "a CPU"))

    pid = 7
    place = "a script"

    def say(self, message: ToParent) -> None:
        self._says.put_nowait(message)

    def die(self) -> None:
        self._says.put_nowait(None)

    def send(self, message: ToChild) -> None:
        self.sent.append(message)
        if isinstance(message, Shutdown):
            self.die()

    async def receive(self, limit_s: float = math.inf) -> ToParent:
        with anyio.move_on_after(limit_s):
            message = await self._says.get()
            if message is None:
                self.over.set()
                raise ProcessDied(self._cause)
            return message
        raise NoNews(ProcessSilent(limit_s))

    async def end(self, grace_s: float) -> None:
        await self.over.wait()

    async def kill(self) -> None:
        self._cause = ProcessKilled(7, "SIGKILL")
        self.die()


@dataclass
class Site:
    """A keeper at work, and its workers in the order in which they were begun."""

    place: KeeperPlace
    workers: list[ScriptedWorker] = field(default_factory=list)
    attempts: dict[str, Attempt] = field(default_factory=dict)  # of the keeper that runs

    def open_link(self, config: WorkerConfig, on_end: OnEnd) -> ScriptedWorker:
        self.workers.append(ScriptedWorker(config, on_end))
        return self.workers[-1]

    @asynccontextmanager
    async def keeper(self) -> AsyncIterator[None]:
        """Run a keeper; ended like a process that is killed, it says and saves nothing."""
        self.place.make()
        keeper = Keeper(self.place, Means((FarDevice("cpu", 1),), LIMIT_BYTES), open_link=self.open_link)
        self.attempts = keeper._attempts._attempts
        running = asyncio.create_task(keeper.run())
        while not (self.place.socket_dir / "socket").exists():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.001)
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect as a relay does, and hear the keeper's hello."""
        connected = connected_socket(self.place.socket_dir)
        reader, stream = await asyncio.open_unix_connection(sock=connected)
        client = Client(FrameReader(reader, FromKeeper), FrameWriter(stream), stream)
        client.hello = await client.read(messages.KeeperHello)
        try:
            yield client
        finally:
            client.writer.close()
            with contextlib.suppress(OSError):
                await stream.wait_closed()


@dataclass
class Client:
    """The other end of a keeper's connection."""

    frames: FrameReader[FromKeeper]
    writer: FrameWriter
    stream: asyncio.StreamWriter
    hello: messages.KeeperHello | None = None

    def send(self, message: object) -> None:
        self.writer.send(message)

    async def read(self, kind: type[T], matches: Callable[[T], bool] = lambda _message: True) -> T:
        """Return the next message of a kind; others are passed over."""
        with anyio.fail_after(LIMIT_S):
            while True:
                message = await self.frames.read()
                if isinstance(message, kind) and matches(message):
                    return message


class NodeSide:
    """The node's numbers in one attempt."""

    def __init__(self, attempt: str = A) -> None:
        self.attempt = attempt
        self.writer = Writer()
        self.reader: Reader[ToParent] = Reader(ToParent)

    def down(self, message: ToChild) -> messages.Down:
        return messages.Down(self.attempt, self.writer.line(message))

    def heard(self, up: messages.Up) -> list[ToParent]:
        return self.reader.take(up.line.rstrip(b"\n"))


def site(directory: Path) -> Site:
    return Site(KeeperPlace(directory / "kept"))
