"""Nothing irreversible on the word of one endpoint, once; several endpoints are compared."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

import pytest

from emeth_tui.foreign_text import endpoint
from emeth_tui.model import JobState
from emeth_tui.notices.events.node import EndpointChanged
from emeth_tui.notices.reasons.market import ClaimingPaused
from emeth_tui.notices.reasons.network.chain import EndpointBehind, EndpointsDisagree
from emeth_tui.protocol.contracts import JobStatus
from tests.clients.local_server import LocalServer
from tests.engine.endpoints import SecondEndpoint
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow


@pytest.fixture
def second(network: Harness, server: LocalServer) -> Iterator[tuple[SecondEndpoint, str]]:
    second = SecondEndpoint(network.devnet.info.rpc_url)
    with server.mounted(second) as url:
        yield second, url


async def test_one_wrong_answer_ends_no_job(network: Harness, second: tuple[SecondEndpoint, str]) -> None:
    lying, url = second
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    lies: list[object] = []
    async with network.node(script=script, rpc_urls=[url]) as node:
        await node.event("epoch_done", job_id)
        lying.claims_status(job_id, JobStatus.TIMEOUT)
        lie = lying.hooks["eth_call"]

        def once(call: dict[str, object]) -> object:
            answer = None if lies else lie(call)  # type: ignore[arg-type]
            lies.extend([answer] if answer else [])
            return answer

        lying.hooks["eth_call"] = once  # type: ignore[assignment]
        await network.rival_claims(await network.post(fee_emt=11))  # an event that makes the node look
        while not lies:
            await network.mine(1)
            await node.node._watcher.settle_now()
        script.go_on.set()
        await node.event("submitted", job_id)
        assert not [event for event in node.seen if event.kind in {"timeout", "end_seen", "end_undone"}]


async def test_endpoints_that_contradict_each_other_stop_claiming_and_end_no_job(
    network: Harness, second: tuple[SecondEndpoint, str]
) -> None:
    lying, url = second
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(script=script, devices=2, rpc_urls=[url, network.devnet.info.rpc_url]) as node:
        await node.event("epoch_done", job_id)
        lying.claims_status(job_id, JobStatus.TIMEOUT)
        for _look in range(3):
            await node.node._watcher.settle_now()
        held = await node.event("claims_held")
        other = await network.post(fee_emt=20)
        standstill = node.node.snapshot().standstill
        assert standstill is not None
        assert standstill.reason == ClaimingPaused(held.body.reason)  # type: ignore[attr-defined]
        (job,) = node.node.snapshot().jobs
        lying.hooks.clear()
        await node.event("claimed", other)
        script.go_on.set()
        await node.event("submitted", job_id)

    reason = held.body.reason  # type: ignore[attr-defined]
    assert isinstance(reason, EndpointsDisagree)
    assert (reason.status, reason.other_status) == ("timeout", "processing")
    assert (job.state, job.seen_end) == (JobState.TRAINING, None)


async def test_an_endpoint_that_stays_behind_is_left(
    network: Harness, second: tuple[SecondEndpoint, str]
) -> None:
    lying, url = second
    job_id = await network.post(fee_emt=20)
    stuck = await asyncio.to_thread(lying.ask, "eth_getBlockByNumber", "latest", False)
    async with network.node(rpc_urls=[url, network.devnet.info.rpc_url]) as node:
        await node.event("submitted", job_id)
        lying.hooks["eth_getBlockByNumber"] = lambda call: (
            {"result": stuck} if call["params"][0] == "latest" else None
        )
        await network.verify(job_id)
        await node.event("end_unexplained", job_id)  # from here on every tick reads all it can
        await network.mine(20)
        node.node._watcher._witnesses._compared_s = -math.inf  # a minute later
        changed = await node.event("endpoint_changed")
        await node.event("verified", job_id)

    assert changed.body == EndpointChanged(
        endpoint(network.devnet.info.rpc_url), EndpointBehind(endpoint(url), changed.body.reason.blocks)
    )
