"""A link process that a node keeps."""

from __future__ import annotations

import asyncio

import pytest

from emeth_tui.hosts.node.ssh_link import _seen_through


async def test_an_end_that_is_under_way_comes_though_its_task_is_cancelled() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def end() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    ending = asyncio.create_task(_seen_through(end()))
    await begun.wait()
    ending.cancel()
    asyncio.get_running_loop().call_soon(go_on.set)

    with pytest.raises(asyncio.CancelledError):
        await ending
    assert ended.is_set()
