"""A network as a record for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.listings import network_records as records
from emeth_tui.model import SECONDS_PER_DAY
from emeth_tui.words.formats import day_of

if TYPE_CHECKING:
    from emeth_tui.network.overview import Day, Overview


def network_record(name: str, chain_id: int, seen: Overview) -> records.NetworkRecord:
    """Make a network's record."""
    rates = seen.rates
    return records.NetworkRecord(
        name=name,
        chain_id=chain_id,
        block=seen.head.number,
        core_address=seen.core_address,
        token_address=seen.token_address,
        owner=seen.owner,
        verifier=seen.verifier,
        minter=seen.minter,
        supply_wei=str(seen.supply_wei),
        deposit_rate=rates.deposit_rate,
        timeout_penalty_rate=rates.timeout_penalty_rate,
        decline_penalty_rate=rates.decline_penalty_rate,
        failed_penalty_rate=rates.failed_penalty_rate,
        verifier_fee_wei=str(rates.verifier_fee_wei),
        max_slot_gas_per_node=str(rates.max_slot_gas_per_node),
        start_day=day_of(seen.start_slot * SECONDS_PER_DAY),
        day_reward_wei=str(seen.day_reward_wei),
        jobs={status.name.lower(): count for status, count in seen.jobs.items()},
        days=[_day(day) for day in seen.days],
        nodes=[
            records.EarnerRecord(
                one.node,
                one.verified_jobs,
                str(one.fees_wei),
                one.gas,
                str(one.rewards_wei),
                str(one.withdrawable_wei),
            )
            for one in seen.nodes
        ],
    )


def _day(day: Day) -> records.NetworkDayRecord:
    return records.NetworkDayRecord(
        day=day_of(day.slot * SECONDS_PER_DAY),
        slot=day.slot,
        is_closed=day.is_closed,
        total_gas=day.total_gas,
        reward_wei=str(day.reward_wei),
        shares=[
            records.ShareRecord(one.node, one.gas, str(one.reward_wei), str(one.withdrawable_wei))
            for one in day.shares
        ],
    )
