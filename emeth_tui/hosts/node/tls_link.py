"""The node's side of the link for hosts over TLS: one process for all of them, kept while it is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.node.connection import LinkFailed, Streams
from emeth_tui.hosts.node.restarting import keep_running
from emeth_tui.hosts.node.ssh_link import READ_LIMIT_BYTES, Surroundings, child
from emeth_tui.hosts.tls.requests import Serve
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.breaches import MessageTooLong
from emeth_tui.notices.reasons.network.host import LinkNotStarted
from emeth_tui.transport.local_socket import connected_socket

DIRECTORY = "hosts-tls"  # in the state directory
_SOCKET_DIRECTORY = "link"
_READY = b"ready\n"
log = logging.getLogger(__name__)


class TlsLinkProcess:
    """The link's process. `run` keeps it, and `serve` connects to it for one host."""

    def __init__(self, state_dir: Path, port: int, surroundings: Surroundings) -> None:
        self.port = port
        self._directory = state_dir / DIRECTORY
        self._surroundings = surroundings
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Keep the process until this is cancelled."""
        try:
            await keep_running(self._run_once, "the link for hosts over TLS")
        finally:
            self._started.cancel()

    @asynccontextmanager
    async def serve(self, served: Serve) -> AsyncIterator[Streams]:
        """Have the process serve a host. Raise LinkFailed if it does not start, OSError."""
        await asyncio.shield(self._started)
        connected = connected_socket(self._socket_dir)
        reader, writer = await asyncio.open_unix_connection(sock=connected, limit=READ_LIMIT_BYTES)
        writer.write(msgspec.json.encode(served) + b"\n")
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @property
    def _socket_dir(self) -> Path:
        return self._directory / _SOCKET_DIRECTORY

    async def _run_once(self) -> None:
        if self._started.done():
            self._started = asyncio.get_running_loop().create_future()
        words = [
            str(self._directory),
            str(self.port),
            str(self._surroundings.jobs_dir),
            str(self._socket_dir),
        ]
        try:
            async with child(self._surroundings, "emeth_tui.hosts.tls.process", *words) as (said, _stdin):
                await _ready(said, self._surroundings.log_path)
                self._started.set_result(None)
                while await said.read(READ_LIMIT_BYTES):
                    pass  # it says no more, unless it was taken over
        except (OSError, LinkFailed) as error:
            if not self._started.done():
                self._started.set_exception(error)
                self._started.exception()  # read, whether or not anybody waits for it


async def _ready(said: asyncio.StreamReader, log_path: Path) -> None:
    """Wait until the link says that it serves. Raise LinkFailed for anything else."""
    try:
        line = await said.readline()
    except ValueError as error:  # too long
        raise LinkFailed(MessageTooLong(READ_LIMIT_BYTES)) from error
    if line != _READY:
        text = one_line(line.decode("utf-8", "replace"))
        raise LinkFailed(Foreign(text) if text else LinkNotStarted(log_path))
