"""A link process that a node keeps."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.hosts.link import counting
from emeth_tui.hosts.link.counting import ByteCounter
from emeth_tui.hosts.messages import Carried
from emeth_tui.hosts.node import restarting, tls_link, traffic
from emeth_tui.hosts.node.connection import HostConnection, LinkFailed, Streams
from emeth_tui.hosts.node.ssh_link import READ_LIMIT_BYTES, Surroundings, child
from emeth_tui.hosts.node.tls_link import TlsLinkProcess
from emeth_tui.hosts.node.traffic import Traffic, TrafficMeter
from emeth_tui.hosts.tls.names import Place
from emeth_tui.hosts.tls.requests import Serve
from emeth_tui.transport.ssh_process import running_ssh
from tests.hosts.far import LIMIT_S, run_connection
from tests.loopback import count_open


async def test_a_link_that_is_opened_by_what_has_changed_meanwhile_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restarting, "RESTARTS", Backoff(0.0, 1.0))
    opening, go_on, opened_anew, used = (asyncio.Event() for _ in range(4))

    class Stream(asyncio.StreamReader):
        async def readexactly(self, n: int) -> bytes:
            if not opened_anew.is_set():
                used.set()
            return await super().readexactly(n)

    @asynccontextmanager
    async def open_link() -> AsyncIterator[Streams]:
        if opening.is_set():
            opened_anew.set()
        opening.set()
        await go_on.wait()
        yield Stream(), writer

    transport = SimpleNamespace(set_write_buffer_limits=lambda **_: None)
    writer: Any = SimpleNamespace(transport=transport)
    connection = HostConnection("b", open_link, list, lambda *_: None, lambda *_: None)
    async with run_connection(connection):
        await opening.wait()
        connection.relink()
        go_on.set()
        await asyncio.wait_for(opened_anew.wait(), LIMIT_S)
    assert not used.is_set()


class Overfull(asyncio.StreamReader):
    """What a link says that was taken over."""

    asked: int | None = None

    async def read(self, n: int = -1) -> bytes:
        self.asked = n
        return b""


@pytest.mark.parametrize("said", [b"ready\n", b"x" * 100])
async def test_what_a_link_says_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    stream = Overfull(limit=16)
    stream.feed_data(said)

    @asynccontextmanager
    async def child(*_words: object) -> AsyncIterator[tuple[asyncio.StreamReader, None]]:
        yield stream, None

    monkeypatch.setattr(tls_link, "child", child)
    process = TlsLinkProcess(tmp_path, 1, Surroundings(tmp_path, tmp_path, {}))
    await process._run_once()
    if said == b"ready\n":
        assert stream.asked == READ_LIMIT_BYTES
    else:
        with pytest.raises(LinkFailed):
            async with process.serve(Serve("b", Place("10.0.0.2", 1), "0" * 64)):
                pass


@pytest.mark.process
@pytest.mark.parametrize("kind", ["ssh", "link"])
async def test_a_child_that_is_not_read_to_its_end_leaves_no_pipe_open(tmp_path: Path, kind: str) -> None:
    (tmp_path / "talks.py").write_text(
        "import os, sys\nwhile True:\n    os.write(1, b'x' * 65_536)\n", encoding="utf-8"
    )
    surroundings = Surroundings(tmp_path, tmp_path / "log", {**os.environ, "PYTHONPATH": str(tmp_path)})
    words = [sys.executable, str(tmp_path / "talks.py")]
    gc.disable()
    try:
        before = count_open("pipe", "socket")
        async with AsyncExitStack() as stack:
            if kind == "ssh":
                ssh = await stack.enter_async_context(running_ssh(words, 1_000))
                reader, _writer = ssh.streams
            else:
                reader, _writer = await stack.enter_async_context(child(surroundings, "talks"))
            while not reader._paused:  # type: ignore[attr-defined]  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.005)
        await asyncio.sleep(0)  # what is closed is closed in the loop's next turn
        await asyncio.sleep(0)
        assert count_open("pipe", "socket") <= before
    finally:
        gc.enable()


class Clock:
    """Holds the monotonic clock of what counts bytes; event loops go on with theirs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_000.0
        for module in (counting, traffic):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now_s))


def test_a_link_reports_what_moves_once_a_second_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Clock(monkeypatch), list[Carried]()
    counter = ByteCounter(said.append)
    with counter.transfer():
        for _piece in range(9):
            clock.now_s += 0.25
            counter.count(home_bytes=100)
            with counter.transfer():
                counter.count(out_bytes=1)
    with counter.transfer():
        clock.now_s += 60
    assert said == [Carried(3, 400, 1.0), Carried(4, 400, 1.0), Carried(2, 100, 0.25)]


def test_a_rate_holds_while_files_move_and_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, meter = Clock(monkeypatch), TrafficMeter()
    assert meter.reading(moving=True) == Traffic()
    meter.count(10, 0, 0.5)
    meter.count(0, 300, 2.0)
    assert meter.reading(moving=True) == Traffic(10, 300, 0.0, 150.0)
    assert meter.reading(moving=False) == Traffic(10, 300)
    clock.now_s += 3.1
    assert meter.reading(moving=True) == Traffic(10, 300)
    meter.count(0, 1, 0.0)
    assert meter.reading(moving=True).home_bytes_per_s == 1_000.0
