"""The links of a node's hosts, whichever way each is reached: over ssh, or over TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from emeth_tui.hosts.link.route import Route
from emeth_tui.hosts.node.book import Host
from emeth_tui.hosts.node.connection import OpenLink, Streams
from emeth_tui.hosts.node.ssh_link import Surroundings, ssh_link
from emeth_tui.hosts.node.tls_link import TlsLinkProcess
from emeth_tui.hosts.tls.names import Place
from emeth_tui.hosts.tls.requests import Serve

Way = Route | tuple[Place, Place]


def way_to(host: Host, node: str) -> Way:
    """Return how a host is reached; with another it would be another machine."""
    if host.tls is not None:
        return host.tls.place, host.tls.here
    return Route(host.destination, host.ssh, host.remote_command, node)


class Links:
    """Opens links. Those over TLS share a process, which is started for the first of them."""

    def __init__(self, state_dir: Path, jobs_dir: Path, environment: Mapping[str, str], agent: str) -> None:
        """`agent` are what ssh may use besides: the variable and value of its agent's socket, "" for none."""
        self._state_dir = state_dir
        self._jobs_dir = jobs_dir
        self._environment = dict(environment)
        self._ssh_environment = {**self._environment, **({"SSH_AUTH_SOCK": agent} if agent else {})}
        self._tls: TlsLinkProcess | None = None
        self._running: asyncio.Task[None] | None = None

    def over(self, name: str, way: Way, current: Callable[[], Host]) -> OpenLink:
        """Return how a host's link is opened; `current` returns the host with its newest certificate."""
        if isinstance(way, Route):
            log_path = self._log_path(f"host-{name}")
            return partial(ssh_link, way, Surroundings(self._jobs_dir, log_path, self._ssh_environment))
        return partial(self._serve, current)

    async def close(self) -> None:
        """End the process of the links over TLS."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._tls = self._running = None

    @asynccontextmanager
    async def _serve(self, current: Callable[[], Host]) -> AsyncIterator[Streams]:
        host = current()
        assert host.tls is not None  # noqa: S101 - so it was opened
        process = await self._process(host.tls.here.port)
        async with process.serve(Serve(host.name, host.tls.place, host.tls.certificate)) as streams:
            yield streams

    async def _process(self, port: int) -> TlsLinkProcess:
        if self._tls is not None and self._tls.port != port:
            await self.close()
        if self._tls is None:
            surroundings = Surroundings(self._jobs_dir, self._log_path("hosts-tls"), self._environment)
            self._tls = TlsLinkProcess(self._state_dir, port, surroundings)
            self._running = asyncio.create_task(self._tls.run(), name="link for hosts over TLS")
        return self._tls

    def _log_path(self, name: str) -> Path:
        return self._state_dir / "logs" / f"{name}.log"
