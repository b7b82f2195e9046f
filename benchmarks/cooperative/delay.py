"""How long an exchange takes over connections with delay: a proxy holds every piece back for a while."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable

_PIECE_BYTES = 256 * 1024  # as hosts send files
_LENGTH_BYTES = 8
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def exchange_s(up_bytes: int, down_bytes: int, members: int, delay_ms: int, rounds: int) -> float:
    """Return the median time in which all members have sent so many bytes and received the average."""
    arrived = 0
    complete = asyncio.Event()
    passing: set[asyncio.Future[object]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await _receive(reader)
        arrived += 1
        if arrived == members:
            complete.set()
        await complete.wait()
        await _send(writer, down_bytes)
        writer.close()

    async def member(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _send(writer, up_bytes)
        await _receive(reader)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = await asyncio.start_server(_late(_port(server), delay_ms / 1000, passing), "127.0.0.1", 0)
    times = []
    async with server, proxy:
        for _ in range(rounds):
            arrived = 0
            complete.clear()
            started = time.monotonic()
            await asyncio.gather(*(member(_port(proxy)) for _ in range(members)))
            times.append(time.monotonic() - started)
            await asyncio.gather(*passing)
            passing.clear()
    return statistics.median(times)


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def _late(port: int, delay_s: float, passing: set[asyncio.Future[object]]) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        ways = (_pass_on(reader, far_writer, delay_s), _pass_on(far_reader, writer, delay_s))
        passing.update(map(asyncio.ensure_future, ways))

    return serve


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pass pieces on, each so long after it came; those behind it do not wait for it."""
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def write() -> None:
        piece = b"?"
        while piece:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            writer.write(piece)
            await writer.drain()
        writer.close()

    writing = asyncio.create_task(write())
    data = b"?"
    while data:
        data = await reader.read(_PIECE_BYTES)
        pieces.put_nowait((time.monotonic() + delay_s, data))
    with contextlib.suppress(ConnectionError):
        await writing


async def _send(writer: asyncio.StreamWriter, size_bytes: int) -> None:
    writer.write(size_bytes.to_bytes(_LENGTH_BYTES, "big"))
    for start in range(0, size_bytes, _PIECE_BYTES):
        writer.write(bytes(min(_PIECE_BYTES, size_bytes - start)))
        await writer.drain()
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> None:
    left = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    while left:
        left -= len(await reader.read(min(left, _PIECE_BYTES)))
