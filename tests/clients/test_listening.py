"""The tests' own server leaves nothing open, whenever it ends."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings

import pytest

from tests.clients.listening import listening

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
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(leave_early(turns))
        gc.collect()
    assert not [each.message for each in seen]


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
