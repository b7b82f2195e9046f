"""When the chain is read in full again: by the time that passes, and not by what any clock is set to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.clients.chain.client import Balances
from emeth_tui.engine.money.settle import Hooks
from emeth_tui.engine.money.watch import FULL_READ_EVERY_S, NewsHooks, Watcher
from emeth_tui.model import SECONDS_PER_DAY
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.store.database import Store
from tests.engine.money.scripted import BLOCK_S, US, Books, ScriptedChain

NINE_HOURS_S = 9 * 3_600
LAST_BLOCK_OF_DAY = SECONDS_PER_DAY // BLOCK_S - 1


@dataclass
class _Chain(ScriptedChain):
    """A chain whose slots follow its blocks."""

    full_reads: int = 0
    shares: list[SlotShare] = field(default_factory=lambda: [SlotShare(slot, 0, 0, 0, 0) for slot in (0, 1)])

    async def current_slot(self) -> int:
        self.full_reads += 1
        return self.height * BLOCK_S // SECONDS_PER_DAY

    async def balances(self, address: str, _block: int) -> Balances:
        assert address == US
        return Balances(0, 0, 0)


class _Watch:
    """A watcher, with the clock on the wall and the one that nobody sets."""

    def __init__(self, books: Books, chain: _Chain) -> None:
        self.chain = chain
        self.wall_s = float(LAST_BLOCK_OF_DAY * BLOCK_S)
        self._books = books
        books.context.clock._wall = lambda: self.wall_s
        transactions: Any = SimpleNamespace(nonces_lost=0, undone=0, tend=self._tend)
        health: Any = SimpleNamespace(works=lambda _service: None)
        context = replace(books.context, transactions=transactions, health=health)
        hooks: Any = dict.fromkeys(("ended", "stopped", "restarted", "deposits_kept"), lambda *_: None)
        news: Any = dict.fromkeys(("foreign", "claimed", "dropped"), lambda *_: None)
        self._watcher = Watcher(context, books.ledger, Hooks(**hooks), NewsHooks(**news))

    async def _tend(self, _wanted: object) -> int:
        return 0

    async def look(self, after_s: float = 1.0) -> SlotShare:
        """Look when some time has passed; return today's share as it is known then."""
        self._books.monotonic_s += after_s
        await self._watcher.tick()
        assert self._watcher.view is not None
        return self._watcher.view.share


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[_Watch]:
    with Store(tmp_path / "state") as store:
        chain = _Chain(height=LAST_BLOCK_OF_DAY)
        yield _Watch(Books(store, tmp_path / "jobs", chain), chain)


async def test_everything_is_read_again_after_a_minute_although_the_clock_was_set_back(watch: _Watch) -> None:
    watch.wall_s += NINE_HOURS_S
    await watch.look()
    watch.wall_s -= NINE_HOURS_S

    await watch.look(FULL_READ_EVERY_S - 1)
    assert watch.chain.full_reads == 1
    await watch.look(1)
    assert watch.chain.full_reads == 2
    await watch.look()
    assert watch.chain.full_reads == 2


async def test_a_clock_that_is_set_forward_has_nothing_read_again(watch: _Watch) -> None:
    await watch.look()
    watch.wall_s += NINE_HOURS_S
    await watch.look()
    assert watch.chain.full_reads == 1


async def test_a_day_is_seen_at_its_first_block_although_the_clock_was_set_back(watch: _Watch) -> None:
    watch.wall_s += NINE_HOURS_S
    assert (await watch.look()).slot == 0
    watch.wall_s -= NINE_HOURS_S

    watch.chain.height += 1
    assert (await watch.look()).slot == 1
