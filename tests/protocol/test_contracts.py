"""The contract's arithmetic: what a job costs and brings, and when a day ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
    assert RATES.failed_penalty_wei(1_001) == 100
    assert RATES.earned_wei(1_001) == 994


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
    [(0, 5), (1, 5), (1_999_999, 5), (2_000_000, 11), (10_000_000, 58), (1_000_000_000, 5_822)],
)
def test_gas_follows_the_datasets_megabytes(size_bytes: int, gas: int) -> None:
    assert estimated_gas(size_bytes) == gas


@pytest.mark.parametrize("contract", ["EmethCore", "EmethToken"])
def test_the_build_holds_interface_and_code(contract: str) -> None:
    abi.cache_clear()
    bytecode.cache_clear()

    assert {entry["type"] for entry in abi(contract)} >= {"constructor", "function", "event"}
    assert bytecode(contract).startswith(("0x60", "0x61"))  # PUSH1, PUSH2
