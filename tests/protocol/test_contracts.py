"""The contract's arithmetic: what a job costs and brings, and when a day ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.model import token_to_wei
from emeth_tui.protocol.contracts import (
    ROUND_3_2_RATES,
    SlotShare,
    abi,
    bytecode,
    estimated_gas,
    slot_end_unix_s,
)

RATES = replace(
    ROUND_3_2_RATES,
    deposit_rate=50_000,
    timeout_penalty_rate=30_000,
    decline_penalty_rate=20_000,
    failed_penalty_rate=10_000,
    verifier_fee_wei=7,
)


def test_each_rate_takes_its_own_part() -> None:
    assert RATES.deposit_wei(1_001) == 500
    assert RATES.timeout_penalty_wei(1_001) == 300
    assert RATES.decline_penalty_wei(1_001) == 200
    assert RATES.rejection_cost_wei(1_001) == 107
    assert RATES.earned_wei(1_001) == 994


@pytest.mark.parametrize(
    ("deposit_emt", "cost_emt"),
    [("30", "17.5"), ("13.34", "13.335"), ("13.33", "13.33"), ("11", "11"), ("0", "0")],
)
def test_a_rejection_never_costs_more_than_the_deposit(deposit_emt: str, cost_emt: str) -> None:
    cost_wei = ROUND_3_2_RATES.rejection_cost_wei(token_to_wei(deposit_emt))

    assert cost_wei == token_to_wei(cost_emt)


def test_a_slot_ends_at_the_next_midnight_in_utc() -> None:
    assert slot_end_unix_s(19_675) == 1_700_006_400  # 2023-11-15T00:00:00Z, the end of the 14th


def test_a_share_is_the_gas_of_all_gas() -> None:
    share = SlotShare(1, own_gas=3, own_balance=2, total_gas=4, reward_wei=1_001)

    assert share.own_reward_wei == 750
    assert share.withdrawable_wei == 500


def test_a_day_without_gas_brings_nothing() -> None:
    share = SlotShare(1, own_gas=0, own_balance=0, total_gas=0, reward_wei=1_001)

    assert (share.own_reward_wei, share.withdrawable_wei) == (0, 0)


@pytest.mark.parametrize(
    ("size_bytes", "gas"),
    [
        (0, 5),
        (1, 5),
        (2**21 - 1, 5),
        (2**21, 11),
        (10_000_000, 52),
        (1_000_000_000, 5_548),
        (1_000 * 2**20, 5_822),
    ],
)
def test_gas_follows_the_datasets_megabytes_of_two_to_the_twentieth(size_bytes: int, gas: int) -> None:
    assert estimated_gas(size_bytes) == gas


@pytest.mark.parametrize("contract", ["EmethCore", "EmethToken"])
def test_the_build_holds_interface_and_code(contract: str) -> None:
    abi.cache_clear()
    bytecode.cache_clear()

    assert {entry["type"] for entry in abi(contract)} >= {"constructor", "function", "event"}
    assert bytecode(contract).startswith(("0x60", "0x61"))  # PUSH1, PUSH2
