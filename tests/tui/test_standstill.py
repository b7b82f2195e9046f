"""Why nothing is claimed: one truth with since when, on every page, and `P` says the same."""

from __future__ import annotations

import pytest

from emeth_tui.engine.market.standstill import Standstill, StandstillClock
from emeth_tui.model import WorkerPhase, token_to_wei
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.network.chain import EndpointsDisagree
from tests.tui.harness import LARGE, SMALL, last_line, press, settled, shown, text_of
from tests.tui.stand_in import NOW, StandInNode, paused, snapshot, training_worker

pytestmark = pytest.mark.slow

DISAGREE = EndpointsDisagree("6f2a…c1", "one", "timeout", "other", "processing")
REASONS: list[tuple[Reason, str]] = [
    (why.ClaimsDisabled(), "! claiming is switched off (claims.enabled)"),
    (why.ClaimingPaused(why.PausedByOperator()), "‖ claiming is paused: by the operator"),
    (why.ClaimingPaused(DISAGREE), "‖ claiming is paused: "),
    (why.NoWorkerAnswers(), "! no worker answers; see the events"),
    (why.NoOffers(), "– no jobs are on offer"),
    (why.NoneTaken(4, why.ShortOfEmt(token_to_wei(28), token_to_wei(3))), "– 4 on offer, none more taken: "),
]


@pytest.mark.parametrize(("reason", "text"), REASONS)
@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_it_stands_under_the_header_of_every_page(
    reason: Reason, text: str, size: tuple[int, int]
) -> None:
    node = StandInNode(snapshot(standstill=Standstill(reason, NOW - 600)))
    async with shown(node, size) as pilot:
        for key in ("l", "m", "h", "s", "x", "?"):
            assert text_of(pilot).splitlines()[1].strip().startswith(text)
            await press(pilot, key)
        assert text_of(pilot).splitlines()[1].strip().startswith(text)
        assert "   since 13:53:19 (10 min)" in text_of(pilot).splitlines()[1]


async def test_that_every_worker_has_a_job_is_quiet_and_never_said_of_an_idle_one(node: StandInNode) -> None:
    idle = training_worker(index=1, device="cuda:1", job_id=None, phase=WorkerPhase.IDLE)
    node.picture = snapshot(workers=(training_worker(), idle), jobs=snapshot().jobs[:1])
    async with shown(node) as pilot:
        header, *others = text_of(pilot).splitlines()
        assert "every worker has a job since 13:40:19 (23 min)" in header
        assert not any("every worker has a job" in other for other in others)
        assert "idle: looking for work" in text_of(pilot)


async def test_p_does_not_promise_claims_that_the_settings_have_off(node: StandInNode) -> None:
    node.picture = snapshot(standstill=Standstill(why.ClaimsDisabled(), NOW - 60))
    async with shown(node) as pilot:
        await press(pilot, "P")
        assert node.calls == []
        assert "claiming is switched off (claims.enabled)" in last_line(pilot)
        node.change(claims_paused=why.PausedByOperator())
        await settled(pilot)
        await press(pilot, "P")
        assert node.calls == [("resume_claims", None)]
        assert "no longer paused: claiming is switched off (claims.enabled)" in last_line(pilot)


async def test_a_pause_that_began_on_another_day_shows_the_day(node: StandInNode) -> None:
    node.change(claims_paused=why.PausedByOperator(), standstill=paused(why.PausedByOperator(), 200_000))
    async with shown(node) as pilot:
        assert "since 11-13 06:29 (55 h 33)" in text_of(pilot).splitlines()[1]


def test_a_reason_is_the_same_while_only_its_numbers_change() -> None:
    times = iter((10.0, 20.0, 30.0, 40.0))
    clock = StandstillClock(lambda: next(times))
    first = clock.note(why.NoneTaken(4, why.ShortOfEmt(5, 3)))
    assert first == Standstill(why.NoneTaken(4, why.ShortOfEmt(5, 3)), 10.0)
    assert clock.note(why.NoneTaken(9, why.ShortOfEmt(5, 2))) == Standstill(
        why.NoneTaken(9, why.ShortOfEmt(5, 2)), 10.0
    )
    assert clock.note(why.NoOffers()) == Standstill(why.NoOffers(), 20.0)
    assert clock.note(None) is None
    assert clock.note(why.NoOffers()) == Standstill(why.NoOffers(), 30.0)
    assert clock.note(why.ClaimingPaused(why.PausedByOperator()), 5.0) == Standstill(
        why.ClaimingPaused(why.PausedByOperator()), 5.0
    )
