"""Bytes between a connection of dask's and a Unix socket, both ways."""

from __future__ import annotations

import asyncio

from distributed.comm.core import CommClosedError

from emeth_tui.hosts.tls.serving import Refusal
from emeth_tui.hosts.tls.wire import PlainTLS, RefusedMessage
from emeth_tui.notices.reasons.network.breaches import SentInPlaceOf

_CHUNK_BYTES = 256 * 1024
_MAX_PIECE_BYTES = _CHUNK_BYTES + 64  # with the heads of a message and of bytes in msgpack


async def pump(comm: PlainTLS, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side closes, then close the other. Raise Refusal or RefusedMessage."""
    comm.limit_bytes = _MAX_PIECE_BYTES
    tasks = {asyncio.create_task(_out(comm, reader)), asyncio.create_task(_in(comm, writer))}
    try:
        done, _running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        comm.abort()
        writer.close()


async def _out(comm: PlainTLS, reader: asyncio.StreamReader) -> None:
    try:
        while data := await reader.read(_CHUNK_BYTES):
            await comm.write(data)
    except OSError:
        pass  # closed: the other direction ends as well


async def _in(comm: PlainTLS, writer: asyncio.StreamWriter) -> None:
    while True:
        data = await _message(comm)
        if data is None:
            return
        try:
            writer.write(data)
            await writer.drain()
        except OSError:
            return


async def _message(comm: PlainTLS) -> bytes | None:
    try:
        data = await comm.read()
    except CommClosedError as error:
        if isinstance(error, RefusedMessage):
            raise
        return None
    if not isinstance(data, bytes):
        raise Refusal(SentInPlaceOf(type(data).__name__, bytes.__name__))
    return data
