"""How much of a network is kept, and how often it is read."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.engine.view.network import MOST_SHARES, READ_EVERY_S, NetworkLook, bounded
from emeth_tui.network import reading
from emeth_tui.network.overview import Day, NodeShare, Overview
from tests.tui.stand_in import RIVAL_ADDRESS, seen_network


def test_the_newest_days_are_kept() -> None:
    shares = tuple(NodeShare(RIVAL_ADDRESS, 1, 1, 0) for _number in range(MOST_SHARES // 2 + 1))
    seen = bounded(seen_network(days=tuple(Day(slot, True, 1, 1, shares) for slot in (9, 8, 7))))
    assert [(day.slot, len(day.shares)) for day in seen.days] == [
        (9, MOST_SHARES // 2 + 1),
        (8, MOST_SHARES // 2 - 1),
    ]


async def test_it_is_read_once_for_all_who_ask_until_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[object] = []
    clock = [0.0]

    async def look(chain: ChainClient) -> Overview:
        reads.append(chain)
        await asyncio.sleep(0)
        return seen_network()

    monkeypatch.setattr(reading, "look", look)
    chain = cast("ChainClient", object())
    one = NetworkLook(lambda: clock[0])
    first, second = await asyncio.gather(one.read(chain), one.read(chain))
    assert first is second
    assert len(reads) == 1
    clock[0] += READ_EVERY_S
    await one.read(chain)
    assert len(reads) == 2
