"""The market: what an offer should bring, and claiming it by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.listings.costs import claim_facts
from emeth_tui.model import WorkerPhase, token_to_wei
from emeth_tui.notices.reasons.market import FeeTooHigh, NotClaimed, PausedByOperator, UnknownToChain
from emeth_tui.tui.dialogs.dialog import Dialog
from emeth_tui.tui.screens.tables.market import MarketScreen
from emeth_tui.words.translation import set_language
from tests.tui.harness import LARGE, SMALL, last_line, press, settled, shown, text_of
from tests.tui.stand_in import (
    NOW,
    OFFERS,
    StandInNode,
    listed,
    paused,
    snapshot,
    training_job,
    training_worker,
)

UNSUITABLE = replace(
    OFFERS[1],
    job=listed("0xcccc" + "8" * 28, "45", 1_000_000, 9_000),
    needed=Duration(120.0, 160.0, 200.0),
    refusal=FeeTooHigh(45 * 10**18, 30 * 10**18),
)


@pytest.fixture
def free_node() -> StandInNode:
    """A node with a worker to spare."""
    idle = training_worker(index=1, phase=WorkerPhase.IDLE, job_id=None)
    offers = (OFFERS[0], UNSUITABLE, OFFERS[1])
    return StandInNode(snapshot(workers=(training_worker(), idle), jobs=(training_job(),), offers=offers))


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("key", ["enter", "c"])
async def test_a_job_that_is_not_taken_by_itself_can_be_claimed(
    free_node: StandInNode, key: str, size: tuple[int, int]
) -> None:
    async with shown(free_node, size) as pilot:
        await press(pilot, "m", "down", key)
        question = text_of(pilot)
        for fact in (
            "45.00 EMT, 1,240.50 EMT is free",
            "11.25 EMT timed out, 11.25 declined, 21.25 rejected",
            "not taken: its fee of 45.00 EMT is over 30.00 EMT",
            "2023-11-15 16:33:19 UTC, in 2 h 30",
            "Yes, claim it and stake 45.00 EMT",
        ):
            assert fact in question
        await press(pilot, "enter")
        assert free_node.calls == []  # No is the answer unless it is said otherwise
        await press(pilot, key, "y")
        assert free_node.calls == [("claim_job", UNSUITABLE.job.job_id)]
        assert "job cccc…88 is accepted" in last_line(pilot)


async def test_a_refusal_of_the_engine_is_shown_in_the_language(free_node: StandInNode) -> None:
    free_node.refusals["claim_job"] = NotClaimed("cccc…88", UnknownToChain())
    set_language("ja")
    async with shown(free_node) as pilot:
        await press(pilot, "m", "down", "c", "y")
        assert "ジョブ cccc…88 は受注できません: チェーンに存在しません" in last_line(pilot)


@pytest.mark.parametrize(("verification", "said"), [("chain", False), ("loss", True)])
def test_what_a_network_asks_beyond_the_rules_is_said_before_a_claim(verification: str, said: bool) -> None:
    facts = claim_facts(snapshot(verification=verification), OFFERS[0])

    assert (("verification", "also by what was learnt of the text", "") in facts) is said


def test_what_a_claims_transactions_cost_is_said_to_be_no_less() -> None:
    deposits = replace(snapshot().deposits, native_per_transaction_wei=1)  # type: ignore[type-var]
    facts = {label: text for label, text, _role in claim_facts(snapshot(deposits=deposits), OFFERS[0])}

    assert facts["profit"].endswith("less ≈ 0.0001 ALT for transactions")


def test_a_deposit_that_the_contract_keeps_is_said_to_be_lost() -> None:
    rates = replace(snapshot().rates, returns_deposit=False)
    kept, returned = (
        {label: text for label, text, _role in claim_facts(shown, OFFERS[0])}
        for shown in (snapshot(rates=rates), snapshot())
    )

    assert "EMT, which the contract keeps" in kept["deposit"]
    assert "keeps" not in returned["deposit"]
    assert kept["profit"] != returned["profit"]


async def test_what_cannot_be_claimed_says_why_and_has_no_yes(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "m", "c")
        assert "every worker has a job" in text_of(pilot)
        await press(pilot, "y")
        assert isinstance(pilot.app.screen, Dialog)
        await press(pilot, "down", "enter")
        assert node.calls == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stopping": "draining"}, "draining"),
        (
            {"offers": (replace(UNSUITABLE, needed=Duration(100.0, 200.0, 9_001.0)),)},
            "would not be done before",
        ),
        ({"offers": (replace(UNSUITABLE, job=listed("0x" + "c" * 32, "1241", 1, 9_000)),)}, "are free"),
        ({"offers": ()}, "no job is chosen"),
    ],
)
async def test_reasons_not_to_claim(free_node: StandInNode, changes: dict[str, object], reason: str) -> None:
    free_node.change(**changes)
    async with shown(free_node) as pilot:
        await press(pilot, "m", "c")
        assert reason in text_of(pilot)
        await press(pilot, "y")
        assert free_node.calls == []


async def test_claiming_works_while_claiming_is_paused(free_node: StandInNode) -> None:
    free_node.change(claims_paused=PausedByOperator(), standstill=paused(PausedByOperator()))
    async with shown(free_node) as pilot:
        await press(pilot, "m", "c", "y")
        assert free_node.calls == [("claim_job", OFFERS[0].job.job_id)]


async def test_the_chosen_offer_stays_chosen_when_others_come_and_go(free_node: StandInNode) -> None:
    async with shown(free_node) as pilot:
        await press(pilot, "m", "down")
        better = replace(OFFERS[0], job=listed("0x" + "e" * 32, "29", 4_096, 9_000))
        free_node.change(offers=(better, *free_node.picture.offers))
        await settled(pilot)
        assert isinstance(pilot.app.screen, MarketScreen)
        assert pilot.app.screen.chosen_item == UNSUITABLE


async def test_what_an_offer_brings_is_fee_and_reward_less_the_verifiers_fee(
    free_node: StandInNode,
) -> None:
    async with shown(free_node) as pilot:
        await press(pilot, "m")
        (row,) = [text for text in text_of(pilot).splitlines() if "cccc…88" in text]
        # 288,000 EMT a day for 5 gas of 48,900 and those 5; fee 45, of which the verifier has 10.
        reward_wei = token_to_wei(288_000) * 5 // 48_905
        assert row.split()[1:4] == ["45.00", f"{reward_wei / 1e18:.2f}", f"{35 + reward_wei / 1e18:.2f}"]


async def test_a_click_chooses_and_a_second_one_opens(free_node: StandInNode) -> None:
    async with shown(free_node) as pilot:
        await press(pilot, "m")
        y = next(n for n, text in enumerate(text_of(pilot).splitlines()) if "bbbb…77" in text)
        await pilot.click(offset=(20, y))
        await settled(pilot)
        assert isinstance(pilot.app.screen, MarketScreen)
        assert pilot.app.screen.chosen_item == OFFERS[1]
        await pilot.click(offset=(20, y), times=2)
        await settled(pilot)
        assert isinstance(pilot.app.screen, Dialog)


async def test_a_command_under_way_goes_on_when_the_screen_is_left(free_node: StandInNode) -> None:
    free_node.may_go_on.clear()
    async with shown(free_node) as pilot:
        await press(pilot, "m", "c")
        await pilot.press("y")
        await pilot.pause()
        await pilot.press("q", "l")
        await pilot.pause()
    assert free_node.calls == [("claim_job", OFFERS[0].job.job_id)]
    (under_way,) = pilot.app.runner.under_way  # type: ignore[attr-defined]
    free_node.may_go_on.set()
    await under_way
    assert free_node.finished == ["claim_job"]


async def test_odd_numbers_of_strangers_break_nothing() -> None:
    odd = [
        replace(OFFERS[0], job=listed("0x" + "a" * 32, "1" + "0" * 30, 2**53, 2**255), refusal=None),
        replace(OFFERS[0], job=listed("0x" + "b" * 32, "0", 0, -int(NOW)), refusal=None),
    ]
    async with shown(StandInNode(snapshot(offers=tuple(odd))), SMALL) as pilot:
        for keys in (("m",), ("c",), ("escape", "down", "c")):
            await press(pilot, *keys)
        assert "Claim job" in text_of(pilot)
