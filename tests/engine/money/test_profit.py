"""What a job should earn: the arithmetic, early in the day, with a cap, and before the chain is read."""

from __future__ import annotations

from dataclasses import replace

from emeth_tui.engine.money.profit import expect
from emeth_tui.engine.view.snapshot import TodaysShare
from emeth_tui.model import token_to_wei
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, SlotShare

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
