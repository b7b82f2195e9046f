"""The account of a run, where it was stopped between two steps of the books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from emeth_tui.clients.chain.client import Balances
from emeth_tui.engine.money.summary import RunAccount
from emeth_tui.engine.money.watch import ChainView
from emeth_tui.model import Head, token_to_wei
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.store.movements import Movement, MovementKind

HELD_WEI = token_to_wei(200)
FEE_WEI = token_to_wei(20)


def view(block: int) -> ChainView:
    return ChainView(Head(block, "0xblock", block), Balances(HELD_WEI, 0, 0), SlotShare(0, 0, 0, 0, 0))


def request(block: int, amount_wei: int) -> Movement:
    return Movement(f"0x{block}", 1, block, 0.0, MovementKind.REQUEST, None, amount_wei)


def test_what_is_booked_and_read_once_more_counts_once() -> None:
    paid, came_back = request(14, -FEE_WEI), request(15, FEE_WEI)
    movements = SimpleNamespace(after=lambda _block: [paid, came_back])
    account = RunAccount(
        cast(Any, SimpleNamespace(store=SimpleNamespace(movements=movements))), cast(Any, None)
    )
    account.open(view(12))

    summary = account.summary(view(15), [came_back])

    assert (summary.requested_wei, summary.adds_up) == (0, True)
