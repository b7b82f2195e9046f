"""A link process of a host's own, which reaches it over ssh."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.hosts.link.route import Route
from emeth_tui.hosts.logs import opened_log
from emeth_tui.hosts.node.connection import Streams
from emeth_tui.process.children import end_child, start_child

END_LIMIT_S = 3.0
READ_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a link process is given, and where it writes."""

    jobs_dir: Path
    log_path: Path
    environment: Mapping[str, str]


@asynccontextmanager
async def ssh_link(route: Route, surroundings: Surroundings) -> AsyncIterator[Streams]:
    """Start a link process, and end it afterwards. Raise OSError if it does not start."""
    words = ["emeth_tui.hosts.link.process", route.destination, route.remote_command, route.node]
    async with child(surroundings, *words, str(surroundings.jobs_dir), *route.ssh) as streams:
        yield streams


@asynccontextmanager
async def child(surroundings: Surroundings, module: str, *words: str) -> AsyncIterator[Streams]:
    """Run a module of ours as a child that logs to a file, and end it afterwards. Raise OSError."""
    descriptor = opened_log(surroundings.log_path)
    try:
        process = await start_child(
            *(sys.executable, "-m", module, *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=descriptor,
            limit=READ_LIMIT_BYTES,
            env=dict(surroundings.environment),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
    try:
        yield process.stdout, process.stdin
    finally:
        process.stdin.close()
        await end_child(process, END_LIMIT_S)
