"""Why nothing is claimed, as the market says it at any moment."""

from __future__ import annotations

import pytest

from emeth_tui.model import OPERATOR
from emeth_tui.notices.events.market import ClaimsResumed, PauseLifted
from emeth_tui.notices.reasons.market import (
    ClaimingPaused,
    ClaimsDisabled,
    DepositsKept,
    NoOffers,
    PausedByOperator,
)
from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil
from tests.engine.harness import Harness, RunningNode

pytestmark = pytest.mark.slow


def reason(node: RunningNode) -> object:
    standstill = node.node.snapshot().standstill
    return standstill.reason if standstill else None


async def test_a_pause_for_a_time_does_not_end_what_somebody_has_to_look_into(network: Harness) -> None:
    async with network.node() as node:
        node.node._market.pause(DepositsKept())
        assert await node.node.pause_claims(for_s=60) == ""
        assert not isinstance(node.node.snapshot().claims_paused, PausedUntil)

        await node.node.resume_claims()
        assert await node.node.pause_claims(for_s=60) != ""
        assert isinstance(node.node.snapshot().claims_paused, PausedUntil)


async def test_it_is_said_at_once_and_holds_since_it_began_across_a_restart(network: Harness) -> None:
    async with network.node() as node:
        await node.event("idle")
        assert reason(node) == NoOffers()
        await node.node.pause_claims()
        assert reason(node) == ClaimingPaused(PausedByOperator())
        began = node.node.snapshot().standstill
        await node.stop()
    async with network.node() as node:
        assert node.node.snapshot().standstill == began
        await node.node.resume_claims()
        assert reason(node) is None  # until the next look
        assert (await node.event("claims_resumed")).body == ClaimsResumed(OPERATOR)


async def test_a_pause_that_ends_while_the_settings_have_claiming_off_promises_nothing(
    network: Harness,
) -> None:
    async with network.node(claims__enabled=False) as node:
        assert reason(node) == ClaimsDisabled()
        await node.node.pause_claims()
        await node.node.resume_claims()
        assert (await node.event("pause_lifted")).body == PauseLifted(ClaimsDisabled(), OPERATOR)
        assert reason(node) == ClaimsDisabled()
        assert not any(event.kind == "claims_resumed" for event in node.seen)


async def test_what_an_event_has_said_is_not_said_again(network: Harness) -> None:
    async with network.node() as node:
        await node.event("idle")
        await node.node.pause_claims()
        await node.node._market.look()
        await node.node.drain()
        await node.node._market.look()
        await node.event("draining")
        assert [event.kind for event in node.seen].count("idle") == 1


async def test_no_job_is_taken_that_is_looked_into_when_claiming_is_paused(network: Harness) -> None:
    async with network.node() as node:
        await node.event("idle")
        storage, asked = node.node._context.storage, 0
        size_of = storage.size_of

        async def pause_meanwhile(dataset: str) -> int:
            nonlocal asked
            asked += 1
            if asked == 2:  # first whether it is there, then for the claim
                await node.node.pause_claims()
            return await size_of(dataset)

        storage.size_of = pause_meanwhile  # type: ignore[method-assign]
        job_id = await network.post()
        await node.event("claims_paused")
        async with node.node._market._turn:  # the look is done with the job
            assert job_id not in node.node._context.book
        assert reason(node) == ClaimingPaused(PausedByOperator())
