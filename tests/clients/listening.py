"""Servers on a test's own loop, written as what they do with one connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    serve: Serve,
    *,
    host: str = "127.0.0.1",
    context: ssl.SSLContext | None = None,
    buffer_bytes: int = 1 << 16,
) -> AsyncIterator[int]:
    """Serve whoever connects to a port of `host`, and yield the port; a connection ends with `serve`.

    Nothing stays open at the end, not even a connection that was accepted a moment before: asyncio's own
    server leaves it open, and a later test is blamed for it. An error in `serve` is raised, unless it is that
    a client has left.
    """
    loop = asyncio.get_running_loop()
    serving: list[asyncio.Task[None]] = []
    with socket.create_server((host, 0)) as listener:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)

        def accept() -> None:
            connection, _ = listener.accept()
            connection.setblocking(False)
            task = loop.create_task(_serve(serve, connection, context, buffer_bytes))
            task.add_done_callback(lambda _: connection.close())  # of a task that never began, too
            serving.append(task)

        loop.add_reader(listener, accept)
        try:
            yield listener.getsockname()[1]
        finally:
            loop.remove_reader(listener)
            for task in serving:
                task.cancel()
            ends = await asyncio.gather(*serving, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _serve(
    serve: Serve, connection: socket.socket, context: ssl.SSLContext | None, buffer_bytes: int
) -> None:
    reader = asyncio.StreamReader(buffer_bytes)
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await serve(reader, writer)
            writer.close()
            await writer.wait_closed()
        finally:
            transport.abort()
