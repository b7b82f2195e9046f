"""A host that was taken over, at the far end of a real link process: the node does not believe it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import shlex
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.foreign_text import ForeignText
from emeth_tui.hosts import messages
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.link import link as linking
from emeth_tui.hosts.link.line import ssh_line
from emeth_tui.hosts.link.link import Link
from emeth_tui.hosts.link.route import Route
from emeth_tui.hosts.messages import FarDevice, KeeperHello, Versions
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.ssh_link import Surroundings, ssh_link
from emeth_tui.hosts.reasons import MAX_REASON_BYTES, TransferFailed
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.notices.reasons.files import NotPlainFile
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.breaches import MessageUnreadable
from emeth_tui.notices.reasons.network.host import (
    HostNotReached,
    HostRulesBroken,
    NotReachedYet,
    OtherHostProtocol,
)
from tests.hosts.far import NODE, run_connection
from tests.hosts.scripted import JOB, LIMIT_S
from tests.terminal import ROOT
from tests.words.japanese import english_left

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
async def facing(
    directory: Path, said: bytes, then: str = "exec sleep 1000"
) -> AsyncIterator[HostConnection]:
    """A node's connection to a host that says this and then waits, or does something else."""
    (directory / "said").write_bytes(said)
    (directory / "jobs" / JOB).mkdir(parents=True)
    ssh = ("sh", "-c", f"cat '{directory / 'said'}'; {then}", "ssh")
    surroundings = Surroundings(
        directory / "jobs", directory / "log", {**os.environ, "PYTHONPATH": str(ROOT)}
    )
    open_link = partial(ssh_link, Route("you@b", ssh, "emeth-tui", NODE), surroundings)
    connection = HostConnection("b", open_link, list, lambda *_: None, lambda *_: None)
    async with run_connection(connection):
        yield connection


async def refused(connection: HostConnection) -> object:
    """Wait until the host is away for another reason than that it was not reached yet."""
    give_up_at = asyncio.get_running_loop().time() + LIMIT_S
    while isinstance(connection.away_because, NotReachedYet | None):
        assert asyncio.get_running_loop().time() < give_up_at
        await asyncio.sleep(0.005)
    return connection.away_because


@pytest.mark.slow
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
        frame(msgspec.structs.replace(HELLO, versions=Versions("\x1b[2J", "3.11.7", "")), 1),
    ],
    ids=["endless", "number", "two hellos", "replayed", "commands", "no hello", "greeting", "escapes"],
)
async def test_what_breaks_the_rules_ends_the_line_and_is_said(tmp_path: Path, said: bytes) -> None:
    async with facing(tmp_path, said) as connection:
        reason = await refused(connection)
        assert isinstance(reason, HostRulesBroken)
        if not isinstance(reason.cause, MessageUnreadable):  # in words of the reader's library
            assert english_left(reason) == set()
        assert not connection.joined.is_set()


@pytest.mark.slow
async def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    said = frame(HELLO, 1) + frame(pickle.dumps(Marked(tmp_path / "executed")), 2)
    async with facing(tmp_path, said) as connection:
        assert isinstance(await refused(connection), HostRulesBroken)
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
async def test_another_protocol_is_said_with_its_version(tmp_path: Path) -> None:
    other = msgspec.structs.replace(HELLO, protocol=7)
    async with facing(tmp_path, frame(other, 1)) as connection:
        assert await refused(connection) == OtherHostProtocol(7, 1, "0.1.0")


@pytest.mark.slow
async def test_a_host_that_complains_without_end_fills_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, complained, enough = (tmp_path / name for name in ("tmp", "complained", "enough"))
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    complaint = f"head -c 20000000 /dev/zero >&2; echo >&2; echo 'that is all' >&2; touch '{complained}'"
    leave = f"while [ ! -e '{enough}' ]; do sleep 0.05; done; exit 1"
    async with facing(tmp_path, frame(HELLO, 1), f"{complaint}; {leave}") as connection:
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)
        while not complained.exists():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
        assert sum(path.stat().st_size for path in temporary.rglob("*")) < 1_000_000
        enough.touch()
        assert await refused(connection) == HostNotReached("that is all")


async def test_a_host_that_greets_and_breaks_the_rules_is_asked_ever_more_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    class Recorded(Backoff):
        def delay_s(self, failures: int) -> float:
            counted.append(failures)
            return 0.0

    monkeypatch.setattr(linking, "AGAIN", Recorded(0.5, 1000.0))
    (tmp_path / "said").write_bytes(frame(HELLO, 1) + frame(HELLO, 2))
    ssh = ("sh", "-c", f"cat '{tmp_path / 'said'}'; exec sleep 1000", "ssh")
    near, node = socket.socketpair()
    _reader, stream = await asyncio.open_connection(sock=near)
    open_line = partial(ssh_line, Route("you@b", ssh, "emeth-tui", NODE))
    link = Link(open_line, tmp_path / "jobs", FrameWriter(stream))
    running = asyncio.create_task(link.run(FrameReader(asyncio.StreamReader(), messages.ToLink)))
    while len(counted) < 3:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.005)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    stream.close()
    node.close()
    assert counted[:3] == [1, 2, 3]


ANSWER = """
import pathlib, sys
asked = b""
while b"ListFiles" not in asked:
    asked += sys.stdin.buffer.read1()
sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes())
sys.stdout.flush()
sys.stdin.read()
"""


async def reason_of_refusal(tmp_path: Path, refusal: dict[str, Any]) -> Reason:
    """Return the reason that the node keeps where a keeper refuses a file with such data."""
    (tmp_path / "answer").write_bytes(frame(messages.Refused(1, refusal), 2))
    then = shlex.join(["exec", sys.executable, "-c", ANSWER, str(tmp_path / "answer")])
    async with facing(tmp_path, frame(HELLO, 1), then) as connection:
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)
        moving = connection.move(lambda number: messages.Bring(number, JOB, "result", 10**9))
        with pytest.raises(TransferFailed) as failed:
            await asyncio.wait_for(moving, LIMIT_S)
    return failed.value.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "refusal",
    [
        {"kind": "made_up", "more": {b"bytes": 1}},
        {"kind": "file_too_large", "name": "x", "size_bytes": "9" * 400, "limit_bytes": 1},
    ],
    ids=["made up", "beyond measure"],
)
async def test_a_refusal_in_no_words_of_a_keeper_is_an_answer(
    tmp_path: Path, refusal: dict[str, Any]
) -> None:
    assert isinstance(await reason_of_refusal(tmp_path, refusal), Foreign)


async def test_a_refusal_that_is_longer_than_any_of_a_keepers_is_not_kept(tmp_path: Path) -> None:
    refusal = to_data(NotPlainFile(Path("/", "x" * MAX_REASON_BYTES)))
    assert await reason_of_refusal(tmp_path, refusal) == Foreign(ForeignText("…"))
