"""The tests' own server leaves nothing open, whenever it ends."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from tests.clients.listening import listening
from tests.loopback import count_open

TURNS = range(6)  # of the loop: asyncio takes three from an accepted connection to its handler


async def read_all(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def leave_early(turns: int) -> None:
    async with listening(read_all) as port:
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(turns):
                await asyncio.sleep(0)


@pytest.mark.parametrize("turns", TURNS)
def test_a_connection_that_was_just_accepted_is_closed(turns: int) -> None:
    before = count_open("socket")
    gc.disable()
    try:
        asyncio.run(leave_early(turns))
        assert count_open("socket") <= before
    finally:
        gc.enable()


async def test_what_goes_wrong_while_it_serves_is_raised() -> None:
    served = asyncio.Event()

    async def fail(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        served.set()
        raise ValueError("as it must")

    async def connect() -> None:
        async with listening(fail) as port:
            with socket.create_connection(("127.0.0.1", port)):
                await served.wait()

    with pytest.raises(ValueError, match="as it must"):
        await connect()
