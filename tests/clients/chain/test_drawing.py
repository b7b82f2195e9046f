"""The block that draws is the one that borders on the submission, whatever one answer says of a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.drawing import drawing_block
from emeth_tui.model import Head

BLOCK_S = 10
NEWEST = 100
SUBMITTED_UNIX_S = 425
DRAWS = Head(43, "0x43", 430)


class Chain:
    """A hundred blocks, of which one has a wrong time when it is asked for first."""

    network = SimpleNamespace(confirmations=3)
    block_at = ChainClient.block_at

    def __init__(self, lies: dict[int, int]) -> None:
        self._lies = lies

    async def head(self, number: int = NEWEST) -> Head:
        time_unix_s = self._lies.pop(number, number * BLOCK_S)
        return Head(number, f"0x{number}", time_unix_s)


async def drawn(lies: dict[int, int]) -> list[Head | None]:
    chain: Any = Chain(lies)
    return [await drawing_block(chain, SUBMITTED_UNIX_S) for _look in range(2)]


async def test_the_first_block_after_a_submission_draws() -> None:
    assert await drawn({}) == [DRAWS, DRAWS]


@pytest.mark.parametrize(("block", "time_unix_s"), [(25, 10_000), (42, 10_000), (50, 0), (43, 0)])
async def test_a_wrong_time_on_the_way_draws_no_other_block(block: int, time_unix_s: int) -> None:
    assert await drawn({block: time_unix_s}) == [None, DRAWS]


async def test_no_block_draws_before_it_is_final() -> None:
    chain: Any = Chain({})
    assert await drawing_block(chain, (NEWEST - 2) * BLOCK_S) is None
