"""What a job should earn: the arithmetic, early in the day, with a cap, and before the chain is read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.market.net_floor import NetFloor
from emeth_tui.engine.market.rules import ClaimRules, judge
from emeth_tui.engine.money.profit import expect
from emeth_tui.engine.view.snapshot import TodaysShare
from emeth_tui.model import NO_PRICES, Prices, token_to_wei
from emeth_tui.notices.notice import Reason, alike
from emeth_tui.notices.reasons.market import NetTooLow, NetUnknown
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, SlotShare
from emeth_tui.words.sentences import english

MB = 2**20
JOB = {"fee_wei": token_to_wei(25), "dataset_bytes": 2 * MB, "rates": ROUND_3_2_RATES}  # 11 gas


def a_day(total_gas: int, *closed: int, own_gas: int = 0) -> TodaysShare:
    share = SlotShare(100, own_gas, own_gas, total_gas, token_to_wei(1_000))
    days = tuple(SlotShare(slot, 1, 0, gas, token_to_wei(900)) for slot, gas in enumerate(closed))
    return TodaysShare(share, 8_726_400, (), days)


def test_fee_less_the_verifiers_and_its_part_of_the_reward() -> None:
    expected = expect(**JOB, today=a_day(99), transaction_cost_wei=7)
    assert (expected.gas, expected.day_gas) == (11, 110)
    assert expected.reward_wei == token_to_wei(100)
    assert expected.profit_wei == token_to_wei(25 - 10 + 100)
    assert expected.native_cost_wei == 21


def test_a_deposit_that_the_contract_keeps_is_a_cost_of_the_job() -> None:
    keeps = replace(ROUND_3_2_RATES, returns_deposit=False)
    expected = expect(**{**JOB, "rates": keeps}, today=a_day(99), transaction_cost_wei=0)
    assert expected.profit_wei == token_to_wei(25 - 10 - 25 + 100)
    assert expected.net(PRICES) == Decimal(45)
    floor = NetFloor(Decimal(1), PRICES, keeps, None, 0)
    assert floor.refusal(token_to_wei(25), 2 * MB, Duration(1, 2, 3)) == NetTooLow(-5.0, "1", "EUR")


def test_a_day_that_has_just_begun_is_taken_for_a_usual_one() -> None:
    expected = expect(**JOB, today=a_day(0, 300, 500), transaction_cost_wei=0)
    assert expected.day_gas == 411
    assert expected.reward_wei == token_to_wei(1_000) * 11 // 411


def test_gas_over_the_days_cap_brings_nothing() -> None:
    capped = {**JOB, "rates": replace(ROUND_3_2_RATES, max_slot_gas_per_node=20)}
    assert expect(**capped, today=a_day(100, own_gas=15), transaction_cost_wei=0).gas == 5
    full = expect(**capped, today=a_day(0, own_gas=25), transaction_cost_wei=0)
    assert (full.gas, full.reward_wei) == (0, 0)


def test_without_news_of_the_chain_only_the_fee_counts() -> None:
    expected = expect(**{**JOB, "fee_wei": token_to_wei(4)}, today=None, transaction_cost_wei=0)
    assert expected.profit_wei == token_to_wei(-6)
    assert expected.day_gas == expected.gas == 11


def test_on_a_networks_first_day_its_own_gas_is_all() -> None:
    expected = expect(**JOB, today=a_day(0), transaction_cost_wei=0)
    assert expected.day_gas == 11
    assert expected.reward_wei == token_to_wei(1_000)


PRICES = Prices("EUR", Decimal("0.5"), Decimal(2), Decimal("0.3"))
KWH_J = 3_600_000


def test_net_is_what_fees_and_energy_leave() -> None:
    expected = expect(**JOB, today=None, transaction_cost_wei=token_to_wei("0.1"), energy_j=10 * KWH_J)

    assert expected.net(PRICES) == Decimal("15") * Decimal("0.5") - Decimal("0.3") * 2 - Decimal(3)


@pytest.mark.parametrize("missing", ["emt", "native", "energy"])
def test_net_is_not_known_while_a_price_is_missing_that_it_needs(missing: str) -> None:
    prices = replace(PRICES, **{missing: None})
    costly = expect(**JOB, today=None, transaction_cost_wei=1, energy_j=1.0)
    free = expect(**JOB, today=None, transaction_cost_wei=0)

    assert costly.net(prices) is None
    assert (free.net(prices) is None) == (missing == "emt")


def test_a_floor_refuses_what_leaves_less_and_what_nobody_can_price() -> None:
    needed = Duration(1, 2, 3, energy_j=40 * KWH_J)  # 12 EUR, and the job brings 7.50

    def refusal(least: str, prices: Prices) -> Reason | None:
        floor = NetFloor(Decimal(least), prices, ROUND_3_2_RATES, None, 0)
        return judge(
            fee_wei=token_to_wei(25),
            dataset_bytes=2 * MB,
            deadline_unix_s=100,
            needed=needed,
            rules=ClaimRules(0, 10**30, 0, 10**9, 0, token_to_wei(10), net=floor),
            now_unix_s=0,
            language=None,
        )

    assert refusal("0", PRICES) == NetTooLow(-4.5, "0", "EUR")
    assert english(NetTooLow(-1_234.5, "0", "EUR")) == (
        "should leave -1,234.50 EUR, less than 0 (claims.min_net)"
    )
    assert alike(NetTooLow(-4.5, "0", "EUR"), NetTooLow(-4.25, "0", "EUR")), "no event for each figure"
    assert refusal("-4.5", PRICES) is None
    assert refusal("0", NO_PRICES) == NetUnknown()


def test_a_job_that_was_chosen_by_hand_has_no_floor() -> None:
    floor = NetFloor(Decimal(1), NO_PRICES, ROUND_3_2_RATES, None, 0)
    assert ClaimRules(0, 1, 0, 1, 0, 0, net=floor).by_hand().net is None
