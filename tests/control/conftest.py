"""A stand-in for a node behind a real socket, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from emeth_tui.control import wire
from emeth_tui.control.client import RemoteNode, local_node
from emeth_tui.control.server import serve_control
from emeth_tui.control.wire import Hello
from emeth_tui.engine.events import JobProgress, Subscription
from emeth_tui.model import JobState
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import Summary
from emeth_tui.store.lock import lock_holder
from emeth_tui.transport.local_socket import listening_socket
from tests.control.sshd import Sshd, running_sshd
from tests.engine.harness import Harness
from tests.forked.program import forked_program
from tests.terminal import Terminal
from tests.tui.harness import LARGE
from tests.tui.stand_in import TRAINING_ID, StandInNode

LIMIT_S = 50.0  # less than a session may be idle
HANGS_S = 120.0  # in which a whole node starts or ends on any machine
PID = os.getpid()  # a harness's node runs in this process


SUMMARY = Summary(
    verified=2,
    jobs={TRAINING_ID: JobState.VERIFIED},
    epochs=60,
    gas=10,
    slot=19_000,
    slot_own_gas=10,
    slot_total_gas=20,
    slot_reward_wei=10**18,
    emt_before_wei=10**18,
    emt_after_wei=2 * 10**18,
    earned_wei=10**18,
    lost_wei=0,
    withdrawn_wei=0,
    others={},
    unexplained_wei=0,
    adds_up=True,
)


class ShownNode(StandInNode):
    """A stand-in with as many streams as are asked for; those that were closed are forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[Subscription] = []
        self.holder: int | None = os.getpid()  # what the state lock would say

    def subscribe(self) -> Subscription:
        stream = Subscription(self.streams.remove)
        self.streams.append(stream)
        return stream

    def tell(self, news: Event | JobProgress) -> None:
        for stream in self.streams:
            if isinstance(news, Event):
                stream.offer_event(news)
            else:
                stream.offer_progress(news)


class Attached:
    """A remote node that follows a socket, in a task."""

    def __init__(self, remote: RemoteNode) -> None:
        self.remote = remote
        first: asyncio.Future[RemoteNode] = asyncio.get_running_loop().create_future()
        self.first = first
        self.following = asyncio.create_task(remote.run(first))

    async def until_shown(self) -> None:
        await asyncio.wait({self.first, self.following}, timeout=LIMIT_S, return_when="FIRST_COMPLETED")
        if self.following.done():
            self.following.result()
        assert self.first.done()

    async def ending(self) -> str:
        """Wait until the node has ended; return its goodbye."""
        return await asyncio.wait_for(self.following, LIMIT_S)


class Place:
    """Where the node keeps its state, how another process is pointed at it, and how one is started there."""

    def __init__(self, network: Harness, directory: Path) -> None:
        where = ["--config", str(network.devnet.info.node_settings), "--state-dir", str(directory / "state")]
        self.command = [sys.executable, "-m", "emeth_tui", *where, "--lang", "en"]
        self.home = directory / "home"
        self.home.mkdir()
        program = ["env", f"HOME={self.home}", *forked_program()]
        self.node = [*program, *where, "--lang", "en", "--device", "cpu"]
        self.control_dir = directory / "state" / "devnet" / "control"
        self.terminals: list[Terminal] = []

    def view(self) -> Terminal:
        """Start `emeth-tui` at a terminal of its own."""
        return self.terminal(self.command)

    def terminal(self, command: list[str]) -> Terminal:
        self.terminals.append(Terminal(command, LARGE, os.environ))
        return self.terminals[-1]

    def end(self) -> None:
        for terminal in self.terminals:
            terminal.close()
        left = lock_holder(self.control_dir.parent)
        if left and left != PID:
            os.kill(left, signal.SIGKILL)


@pytest.fixture
def place(network: Harness, tmp_path: Path) -> Iterator[Place]:
    place = Place(network, tmp_path)
    yield place
    place.end()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "ssh") as server:
        yield server


@pytest.fixture
def shown() -> ShownNode:
    return ShownNode()


@pytest.fixture
async def served(shown: ShownNode, tmp_path: Path) -> AsyncIterator[Path]:
    """The control directory of a node that is being served."""
    directory = tmp_path / "control"
    async with serve_control(directory, shown):
        yield directory


@asynccontextmanager
async def attached(shown: ShownNode, directory: Path) -> AsyncIterator[Attached]:
    client = Attached(local_node(directory, lambda: shown.holder))
    try:
        await client.until_shown()
        yield client
    finally:
        client.following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({client.following})


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that is not announced by any event."""
    with anyio.fail_after(HANGS_S):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def mute_node(directory: Path, hello: dict[str, Any] | None = None) -> AsyncIterator[Callable[[], Any]]:
    """Listen like a node and send only a hello; yield a function that hangs up on the first client."""
    clients: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    own = Hello(wire.PROTOCOL, "0", os.getpid(), started_at_unix_s=0.0)
    words = hello or {"hello": wire.pack("hello", own)}

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.line(words))
        clients.put_nowait(writer)

    async def hang_up() -> None:
        (await clients.get()).close()

    listening = await asyncio.start_unix_server(greet, sock=listening_socket(directory))
    try:
        yield hang_up
    finally:
        listening.close()
        while not clients.empty():
            clients.get_nowait().close()
