"""What a service does while its transaction waits for a block."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.clients.transactions.broadcast import NonceStatus
from emeth_tui.network import account
from emeth_tui.network.account import Account

ADDRESS = "0x" + "11" * 20
LOOKS = 12


async def test_a_chain_with_slow_blocks_is_asked_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    mined: Any = SimpleNamespace(ok=True)
    shown = [*[None] * LOOKS, mined]
    waits: list[float] = []

    async def look(*_asked: object) -> NonceStatus:
        return NonceStatus(head_number=1, next_nonce=0, receipt=shown.pop(0), is_known=True)

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(account, "nonce_status", look)
    monkeypatch.setattr(account, "asyncio", SimpleNamespace(Lock=asyncio.Lock, sleep=wait))
    chain: Any = SimpleNamespace(w3=None)
    wallet: Any = SimpleNamespace(address=ADDRESS)

    receipt = await Account(chain, wallet)._receipt("0x01", "a test")

    assert receipt is mined
    assert waits[0] < 0.1
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(2.0)
    assert len(waits) == LOOKS
