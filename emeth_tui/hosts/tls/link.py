"""The link of all hosts over mutual TLS: one process on the node's machine, without the key.

The node starts it and connects to its Unix socket once for each host, says which in a first line, and speaks
with it as with a link process of that host's own. A host without such a connection is no host of this node's.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.confinement import confine_tls_link
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.link.link import Link
from emeth_tui.hosts.logs import log_to_standard_error
from emeth_tui.hosts.messages import ToLink, Turned
from emeth_tui.hosts.tls.contexts import TlsFiles, context_of
from emeth_tui.hosts.tls.line import tls_line
from emeth_tui.hosts.tls.names import NODE_DNS_NAME
from emeth_tui.hosts.tls.requests import MAX_REQUEST_BYTES, Serve
from emeth_tui.hosts.tls.scheduler import Guest, HostsScheduler
from emeth_tui.hosts.tls.serving import OwnSecurity
from emeth_tui.hosts.tls.wire import put_in_place
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.transport.local_socket import listening_socket, remove_socket

MAX_MEMORY_BYTES = 1 << 30
SAID_EVERY_S, SAID_AT_ONCE = 600.0, 50  # refusals that are reported of a host
_READ_LIMIT_BYTES = 1 << 20
log = logging.getLogger(__name__)


class TlsLink:
    """All hosts over TLS."""

    def __init__(self, files: TlsFiles, port: int, jobs_dir: Path) -> None:
        """Read the certificates. Raise OSError."""
        trusted = files.trusted.read_text("ascii")
        self._reaching = context_of(files.node, trusted, server=False)
        listening = context_of(files.node, trusted, server=True)
        self._jobs_dir = jobs_dir
        self._serving: set[asyncio.Task[None]] = set()
        # The scheduler reaches nobody: no certificate has this name.
        self._scheduler = HostsScheduler(port, OwnSecurity(self._reaching, listening, NODE_DNS_NAME))

    async def run(self, listening: socket.socket, until: asyncio.StreamReader) -> None:
        """Serve the node until its pipe ends. Raise OSError or RuntimeError when that cannot begin."""
        async with self._scheduler:
            server = await asyncio.start_unix_server(self._connected, sock=listening, limit=_READ_LIMIT_BYTES)
            print("ready", flush=True)
            try:
                await until.read()
            finally:
                server.close()
                for task in self._serving:
                    task.cancel()
                await asyncio.gather(*self._serving, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        # A task of our own: of one of its own that is cancelled, asyncio logs a traceback before Python 3.12.
        task = asyncio.create_task(self._serve(reader, stream))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if not line.endswith(b"\n") or len(line) > MAX_REQUEST_BYTES:
            stream.close()
            return
        served = msgspec.json.decode(line, type=Serve)
        writer = FrameWriter(stream)
        guest = Guest(served.name, served.place, served.certificate, _Refusals(writer).say)
        self._scheduler.invite(guest)
        link = Link(partial(tls_line, guest, self._reaching), self._jobs_dir, writer)
        try:
            await link.run(FrameReader(reader, ToLink))
        finally:
            await self._scheduler.dismiss(guest)
            stream.close()


class _Refusals:
    """Reports to the node what a host was refused: some at once, and then one now and then."""

    def __init__(self, writer: FrameWriter) -> None:
        self._writer = writer
        self._left = float(SAID_AT_ONCE)
        self._seen_at = time.monotonic()

    def say(self, reason: Reason) -> None:
        now = time.monotonic()
        self._left = min(self._left + (now - self._seen_at) / SAID_EVERY_S, SAID_AT_ONCE)
        self._seen_at = now
        if self._left >= 1:
            self._left -= 1
            self._writer.send(Turned(to_data(reason)))


async def _main(files: TlsFiles, port: int, jobs_dir: Path, socket_dir: Path) -> None:
    put_in_place()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        link = TlsLink(files, port, jobs_dir)
        with _listening(socket_dir) as listening:
            confine_tls_link([jobs_dir, socket_dir], port)  # what is secret has been read by now
            await link.run(listening, reader)
    except (OSError, RuntimeError) as error:  # dask raises RuntimeError for what fails at its start
        print(one_line(error.__cause__ or error), flush=True)
        sys.exit(1)


@contextmanager
def _listening(socket_dir: Path) -> Iterator[socket.socket]:
    with listening_socket(socket_dir) as listening:
        try:
            yield listening
        finally:
            remove_socket(socket_dir)


def run_link(directory: str, port: str, jobs_dir: str, socket_dir: str) -> None:
    """Run the link until the node's pipe ends."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the node decides what they mean
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    log_to_standard_error(logging.WARNING)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it logs what strangers send
    asyncio.run(_main(TlsFiles(Path(directory)), int(port), Path(jobs_dir), Path(socket_dir)))
