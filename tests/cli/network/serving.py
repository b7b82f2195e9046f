"""A running `network serve`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.network.world import World
from tests.terminal import ROOT

LIMIT_S = 120


@dataclass
class Served:
    """The process, where it serves, and what it logs."""

    url: str
    process: asyncio.subprocess.Process
    log: Path

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), LIMIT_S)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def serve_file(world: World, url: str, more: str = "") -> Path:
    """Write the file of a service at this URL."""
    path = world.directory / "serve.toml"
    lines = [
        'profile = "network.toml"',
        'state_dir = "served"',
        f'listen = "{url.removeprefix("http://")}"',
        'log_format = "json"',
        more,
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


@asynccontextmanager
async def served(world: World, who: str, path: Path) -> AsyncIterator[Served]:
    """Serve until the end of the body, if it does not stop it before."""
    log = world.directory / "serve.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *world.people[who].command,
            *("network", "serve", "--config", str(path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            cwd=ROOT,
            env=os.environ,
        )
    assert process.stdout is not None
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), LIMIT_S)).decode().strip()
        assert url, log.read_text("utf-8")
        yield Served(url, process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
