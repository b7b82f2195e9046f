"""What the node does about its hosts every second."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from emeth_tui.engine.hosts.host_workers import HostWorkers
from emeth_tui.hosts.node.book import Host
from emeth_tui.hosts.node.connection import HostConnection
from tests.hosts.far import LIMIT_S, write_hosts


async def test_a_host_that_is_slow_delays_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = asyncio.Event(), asyncio.Event()

    async def joined(_hosts: HostWorkers, host: Any, _tasks: Any) -> None:
        if host.entry.name == "slow":
            slow.set()
            await asyncio.Event().wait()
        quick.set()

    async def run(connection: HostConnection) -> None:
        connection.joins = 1
        await asyncio.Event().wait()

    monkeypatch.setattr(HostWorkers, "_joined", joined)
    monkeypatch.setattr(HostConnection, "run", run)
    write_hosts(tmp_path, Host("slow", "you@slow"), Host("quick", "you@quick"))
    settings = SimpleNamespace(state_dir=tmp_path, jobs_dir=tmp_path)
    book = SimpleNamespace(open_jobs=list)
    context: Any = SimpleNamespace(settings=settings, book=book, disk=SimpleNamespace(files=None))
    nothing: Any = None
    leases: Any = SimpleNamespace(job_on=lambda _worker: None)
    hosts = HostWorkers(context, nothing, leases, "")
    with anyio.fail_after(LIMIT_S):
        while not (slow.is_set() and quick.is_set()):
            await hosts.look(nothing)
            await asyncio.sleep(0)
    await hosts.close()
