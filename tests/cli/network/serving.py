"""A running `network serve`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.network.world import World
from tests.network.servers.grown import GrownServers
from tests.network.servers.postgres import DATABASE, PASSWORD, USER
from tests.network.servers.seaweed import ACCESS_KEY, BUCKET, SECRET_KEY
from tests.terminal import ROOT

LIMIT_S = 120


@dataclass
class Served:
    """The process, where it serves, and what it logs."""

    url: str
    process: asyncio.subprocess.Process
    log: Path

    async def kill(self) -> None:
        """End it at once, whatever it is doing."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.stop_is_over()

    async def stop_is_over(self) -> int:
        """Wait until it has stopped; return its exit code."""
        return await asyncio.wait_for(self.process.wait(), LIMIT_S)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


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


def sections_of(servers: GrownServers, directory: Path) -> str:
    """Return what a serve file says of these servers; the secrets lie in files."""
    secrets = {"access": ACCESS_KEY, "secret": SECRET_KEY, "password": PASSWORD}
    for name, value in secrets.items():
        (directory / name).write_text(value + "\n", "utf-8")
    return f"""
[s3]
endpoint = "{servers.seaweed.url}"
bucket = "{BUCKET}"
access_key_file = "access"
secret_key_file = "secret"
[postgres]
port = {servers.postgres.port}
database = "{DATABASE}"
user = "{USER}"
password_file = "password"
"""


@asynccontextmanager
async def served(
    world: World, who: str, path: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Serve until the end of the body, if it does not stop it before."""
    log = world.directory / "serve.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *world.people[who].command,
            *("network", "serve", "--config", str(path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
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
