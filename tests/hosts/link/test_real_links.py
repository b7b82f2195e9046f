"""The real links, confined, at their work: over ssh by a real sshd, and over TLS by the real `hosts join`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import anyio
import psutil
import pytest

from emeth_tui.hosts.messages import Bring, Put
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.links import Links, way_to
from emeth_tui.model import JobId
from emeth_tui.process.landlock import landlock_version
from tests.hosts.far import NODE, FarHost, run_connection
from tests.hosts.scripted import JOB, LIMIT_S
from tests.hosts.ways import OverSsh, Way
from tests.terminal import ROOT

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock"),
]
CHECKPOINT = "checkpoints/epoch-000002-block-000000000.pt"
AGENT = "/no/agent"
MODULES = {"emeth_tui.hosts.link.process", "emeth_tui.hosts.tls.process"}
CONTENT = os.urandom(3_000_000)


async def test_confined_links_move_files_both_ways_and_reconnect(
    tmp_path: Path, far: FarHost, way: Way
) -> None:
    node = tmp_path / "node"
    home, there = node / "jobs" / JOB, far.kept / "jobs" / JOB
    home.mkdir(parents=True)
    (home / "dataset.txt").write_bytes(CONTENT)
    host = way.host(node)
    links = Links(node, node / "jobs", {**os.environ, "PYTHONPATH": str(ROOT)}, AGENT)
    open_link = links.over("b", way_to(host, NODE), lambda: host)
    connection = HostConnection("b", open_link, lambda: [JobId(JOB)], lambda *_: None, lambda *_: None)
    async with run_connection(connection):
        await joined(connection, 1)
        link = link_of_this_node()
        assert is_confined(link)
        assert AGENT.encode() not in (Path("/proc") / str(link.pid) / "environ").read_bytes()
        others = link.children(recursive=True)
        assert len(others) == (2 if isinstance(way, OverSsh) else 0)  # ssh, and what starts it
        for beside in others:
            assert not is_confined(beside)
            assert beside.environ()["SSH_AUTH_SOCK"] == AGENT
        await asyncio.wait_for(connection.move(put("dataset")), LIMIT_S)
        assert (there / "dataset.txt").read_bytes() == CONTENT

        way.cut_off()
        while connection.joined.is_set():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
        way.come_back()
        await joined(connection, 2)
        (there / CHECKPOINT).parent.mkdir()
        (there / CHECKPOINT).write_bytes(CONTENT)
        await asyncio.wait_for(connection.move(bring("checkpoint")), LIMIT_S)
        assert (home / CHECKPOINT).read_bytes() == CONTENT
    await links.close()
    logs = [path.read_text() for path in (node / "logs").iterdir()]
    assert not any("Landlock" in text or "Traceback" in text for text in logs), logs


async def joined(connection: HostConnection, times: int) -> None:
    with anyio.fail_after(120):
        while connection.joins < times:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)


def link_of_this_node() -> psutil.Process:
    """Return the link's process, which this one has started."""
    (link,) = (child for child in psutil.Process().children() if MODULES.intersection(child.cmdline()))
    return link


def is_confined(process: psutil.Process) -> bool:
    lines = (Path("/proc") / str(process.pid) / "status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    return (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def put(what: str) -> Callable[[int], Put]:
    return lambda number: Put(number, JOB, what)


def bring(what: str) -> Callable[[int], Bring]:
    return lambda number: Bring(number, JOB, what, 10**9)
