"""What a node does for its account as a requester is paid once, whoever else asks, whatever ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.engine.requester import ordering
from emeth_tui.engine.requester.node_requests import NodeRequests
from emeth_tui.engine.requester.orders import Estimate, Order
from emeth_tui.engine.requester.requester import Requester
from emeth_tui.errors import CommandRefused, DatasetError
from emeth_tui.model import JobId, Language
from emeth_tui.notices.events.requests import Requested
from emeth_tui.notices.reasons.network.requesting import (
    BrokenOff,
    CancelUnderWay,
    NotRequestedHere,
    TextChanged,
)
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.database import Store
from emeth_tui.training.data.measuring import Measured
from tests.clients.emeth_chain import FEE_WEI, EmethChain
from tests.engine.requester.test_requester import MEASURED, TEXT, World, within

ORDER = Order(Path("novel.txt"), Language.EN, 30, FEE_WEI, 86_400, anyway=True)


async def nothing() -> None:
    """Read no balances."""


class Asked:
    """A node's requester whose file is measured, and what it published."""

    def __init__(self, world: World, refresh: Callable[[], Awaitable[object]] = nothing) -> None:
        self.requester: Requester = world.node()
        self.published: list[object] = []
        self.heard = asyncio.Event()
        context: Any = SimpleNamespace(
            requester=self.requester, store=world.store, events=self, network=world.network.network
        )
        self.node = NodeRequests(context, refresh)

    def publish(self, body: object, **_about: object) -> None:
        self.published.append(body)
        if isinstance(body, Requested):
            self.heard.set()


@pytest.fixture
def world(
    chain: ChainClient, network: EmethChain, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    async def measured(_self: NodeRequests, _order: Order) -> Measured:
        return MEASURED

    monkeypatch.setattr(NodeRequests, "_measure", measured)
    monkeypatch.chdir(tmp_path)
    ORDER.path.write_bytes(TEXT)
    return World(chain, network, store)


@pytest.mark.slow
async def test_what_came_to_its_end_since_it_was_estimated_is_not_paid_twice(world: World) -> None:
    """Whoever was shown "it is requested, and paid once" agreed to that alone."""
    before_wei, request, asked = await world.emt_wei(), world.recorded(), Asked(world)
    await world.request(asked.requester, request)
    estimated = await asked.node.estimate(ORDER)
    assert estimated.is_requested
    await within(asked.requester.conclude(request.job_id, lambda: None))

    followed = await within(asked.node.request(replace(ORDER, job_id=estimated.job_id)))

    assert followed.request.job_id == request.job_id
    assert before_wei - await world.emt_wei() == FEE_WEI


async def test_of_two_askers_at_once_the_second_finds_the_firsts_job_however_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_wei, request, asked = await world.emt_wei(), world.recorded(), Asked(world)
    await world.request(asked.requester, request)
    real = ordering.estimate

    async def overtaken(requester: Requester, order: Order, measured: Measured) -> Estimate:
        estimated = await real(requester, order, measured)
        await requester.conclude(request.job_id, lambda: None)
        return estimated

    monkeypatch.setattr(ordering, "estimate", overtaken)

    followed = await within(asked.node.request(ORDER))

    assert followed.request.job_id == request.job_id
    assert before_wei - await world.emt_wei() == FEE_WEI


@pytest.mark.parametrize("named", ["gone", "of another text"])
async def test_a_request_that_is_named_is_gone_on_with_or_nothing_is(world: World, named: str) -> None:
    before_wei, asked = await world.emt_wei(), Asked(world)
    job_id = world.recorded("d" * 64).job_id
    if named == "gone":
        world.store.requests.delete(job_id)

    with pytest.raises(CommandRefused) as refused:
        await within(asked.node.request(replace(ORDER, job_id=job_id)))

    assert isinstance(refused.value.reason, NotRequestedHere)
    assert await world.emt_wei() == before_wei


async def test_a_request_that_is_being_cancelled_is_not_gone_on_with(world: World) -> None:
    before_wei, request, asked = await world.emt_wei(), world.recorded(), Asked(world)
    waiting, go_on = asyncio.Event(), asyncio.Event()
    settle = asked.requester.transactions.settle_pending

    async def slow(*arguments: Any, **named: Any) -> Any:
        waiting.set()
        await go_on.wait()
        return await settle(*arguments, **named)

    asked.requester.transactions.settle_pending = slow  # type: ignore[method-assign]
    cancelling = asyncio.ensure_future(asked.node.cancel(request.job_id))
    await within(waiting.wait())

    for asking in (asked.node.request(ORDER), asked.node.cancel(request.job_id)):
        with pytest.raises(CommandRefused) as refused:
            await within(asking)
        assert isinstance(refused.value.reason, CancelUnderWay)
    go_on.set()
    await within(cancelling)

    assert await world.on_chain(request.job_id) is None
    assert world.store.requests.all() == []
    assert await world.emt_wei() == before_wei


@pytest.mark.parametrize("signed", [False, True])
async def test_the_text_of_a_run_that_broke_off_is_stored_again_before_its_job_is_requested(
    world: World, signed: bool
) -> None:
    """It belonged to no job since, and a storage removes such texts."""
    before_wei, request = await world.emt_wei(), world.recorded()
    if signed:  # and never sent
        await world.broken_off(world.request(world.run(), request), 2)

    followed = await within(Asked(world).node.request(ORDER))

    assert followed.on_chain.job_id == request.job_id
    assert world.texts.stored == [(request.job_id, False)]
    assert before_wei - await world.emt_wei() == FEE_WEI


async def test_a_deadline_counts_from_the_request_however_long_somebody_thought(world: World) -> None:
    requester = world.run()
    estimated = await ordering.estimate(requester, ORDER, MEASURED)
    deadline_unix_s = estimated.wish.deadline_unix_s
    shown_long_ago = replace(
        estimated, wish=replace(estimated.wish, deadline_unix_s=deadline_unix_s - ORDER.lifetime_s)
    )

    job_id = await within(ordering.place_order(requester, ORDER, shown_long_ago, lambda _done, _total: None))

    (job,) = (await world.chain.jobs([job_id])).values()
    assert job.deadline_unix_s >= deadline_unix_s


async def test_a_text_that_changes_while_it_is_stored_is_not_requested(world: World) -> None:
    before_wei = await world.emt_wei()

    async def store_dataset(_job_id: JobId, _file: BinaryIO, **_how: Any) -> str:
        ORDER.path.write_bytes(b"Another text. " * 20)
        return "a.txt"

    world.texts.store_dataset = store_dataset

    with pytest.raises(DatasetError) as refused:
        await within(Asked(world).node.request(ORDER))

    assert refused.value.reason == TextChanged(ORDER.path)
    assert await world.emt_wei() == before_wei


async def test_a_node_that_ends_says_what_is_requested_already(world: World) -> None:
    """Else the same words, which are to go on from there, would be paid a second time."""
    asked = Asked(world, refresh=asyncio.Event().wait)
    asking = asyncio.ensure_future(asked.node.request(ORDER))
    world.recorded()
    await within(asked.heard.wait())

    await within(asked.node.close())

    assert (await within(asking)).on_chain.status is JobStatus.REQUESTED
    with pytest.raises(CommandRefused) as refused:
        await asked.node.request(ORDER)
    assert refused.value.reason == BrokenOff()
