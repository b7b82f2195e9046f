"""A server that answers everybody with one byte now and then, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.clients.listening import listening

DRIP_S = 0.005


class Dripping:
    """Where it is, and how many requests it has taken."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(DRIP_S)


@asynccontextmanager
async def dripping_server() -> AsyncIterator[Dripping]:
    dripping = Dripping()
    async with listening(dripping.take) as port:
        dripping.url = f"http://127.0.0.1:{port}"
        yield dripping
