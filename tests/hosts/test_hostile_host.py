"""A host that was taken over, at the far end of a real link process: the node does not believe it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emeth_tui.hosts import messages
from emeth_tui.hosts.link.line import Route
from emeth_tui.hosts.messages import FarDevice, KeeperHello, Versions
from emeth_tui.hosts.node.connection import HostConnection, Surroundings
from emeth_tui.notices.reasons.network.host import HostRulesBroken, NotReachedYet, OtherHostProtocol
from tests.hosts.far import NODE
from tests.hosts.scripted import JOB, LIMIT_S
from tests.terminal import ROOT

pytestmark = pytest.mark.process
HELLO = KeeperHello(1, Versions("0.1.0", "3.11.7", ""), (FarDevice("cpu", 1),), 10**9)


def frame(message: Any, number: int, length: int | None = None) -> bytes:
    body = message if isinstance(message, bytes) else msgspec.msgpack.encode(message)
    return struct.pack(">IQ", len(body) if length is None else length, number) + body


class Marked:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


@asynccontextmanager
async def facing(directory: Path, said: bytes) -> AsyncIterator[HostConnection]:
    """A node's connection to a host that says this and then waits."""
    (directory / "said").write_bytes(said)
    (directory / "jobs" / JOB).mkdir(parents=True)
    ssh = ("sh", "-c", f"cat '{directory / 'said'}'; exec sleep 1000", "ssh")
    surroundings = Surroundings(
        directory / "jobs", directory / "log", {**os.environ, "PYTHONPATH": str(ROOT)}
    )
    connection = HostConnection(
        "b", Route("you@b", ssh, "emeth-tui", NODE), surroundings, list, lambda _host, _job: None
    )
    running = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def refused(connection: HostConnection) -> object:
    """Wait until the host is away for another reason than that it was not reached yet."""
    give_up_at = asyncio.get_running_loop().time() + LIMIT_S
    while isinstance(connection.away_because, NotReachedYet | None):
        assert asyncio.get_running_loop().time() < give_up_at
        await asyncio.sleep(0.005)
    return connection.away_because


@pytest.mark.parametrize(
    "said",
    [
        frame(b"", 1, length=2**31),
        frame(HELLO, 2),
        frame(HELLO, 1) + frame(HELLO, 2),
        frame(HELLO, 1) + frame(messages.Beat(), 1),
        frame(HELLO, 1) + frame(messages.Open("a" * 16, "cpu"), 2),
        frame(messages.Beat(), 1),
        b"Welcome to b! You have new mail.\n" * 10,
    ],
    ids=["endless", "number", "two hellos", "replayed", "commands", "no hello", "greeting"],
)
async def test_what_breaks_the_rules_ends_the_line_and_is_said(tmp_path: Path, said: bytes) -> None:
    async with facing(tmp_path, said) as connection:
        assert isinstance(await refused(connection), HostRulesBroken)
        assert not connection.joined.is_set()


async def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    said = frame(HELLO, 1) + frame(pickle.dumps(Marked(tmp_path / "executed")), 2)
    async with facing(tmp_path, said) as connection:
        assert isinstance(await refused(connection), HostRulesBroken)
    assert not (tmp_path / "executed").exists()


async def test_another_protocol_is_said_with_its_version(tmp_path: Path) -> None:
    other = msgspec.structs.replace(HELLO, protocol=7)
    async with facing(tmp_path, frame(other, 1)) as connection:
        assert await refused(connection) == OtherHostProtocol(7, 1, "0.1.0")
