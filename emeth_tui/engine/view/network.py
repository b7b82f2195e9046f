"""The network as its chain shows it, read at most so often however many screens ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from emeth_tui.network.overview import Day, Overview

if TYPE_CHECKING:
    from emeth_tui.clients.chain.client import ChainClient  # web3 behind it takes a second to load

READ_EVERY_S = 60.0  # all events since the network's first block are read
MOST_SHARES = 1_000  # of the newest days, and so many nodes: one answer on the control socket
MOST_NODES = 1_000


class NetworkLook:
    """Keeps what was read of a network, and reads it again when it is old."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._reading = asyncio.Lock()
        self._seen: Overview | None = None
        self._seen_at_s = 0.0

    async def read(self, chain: ChainClient) -> Overview:
        """Return the network with its newest days and its best earners. Raise NetworkError."""
        from emeth_tui.network.reading import look

        async with self._reading:
            if self._seen is None or self._now_s() - self._seen_at_s >= READ_EVERY_S:
                self._seen = bounded(await look(chain))
                self._seen_at_s = self._now_s()
            return self._seen


def bounded(seen: Overview) -> Overview:
    """Leave out the oldest days beyond `MOST_SHARES` and the nodes that earned least."""
    days: list[Day] = []
    room = MOST_SHARES
    for day in seen.days:
        if room <= 0:
            break
        days.append(replace(day, shares=day.shares[:room]))
        room -= len(day.shares)
    return replace(seen, days=tuple(days), nodes=seen.nodes[:MOST_NODES])
