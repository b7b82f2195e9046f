"""A network as a record for machines, and as facts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.listings import network_records as records
from emeth_tui.model import SECONDS_PER_DAY
from emeth_tui.words.formats import day_of, exact_emt, job_status_name, percent
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.network.overview import Day, NodeShare, Overview

Fact = tuple[str, str, str]  # a label, what it comes to, and the role that this plays


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


def contract_facts(seen: Overview) -> list[Fact]:
    """Return a network's contracts and roles."""
    pays = seen.minter == seen.core_address
    return [
        ("EmethCore", seen.core_address, ""),
        ("EMT", seen.token_address, ""),
        (_("EMT in all"), exact_emt(seen.supply_wei), ""),
        (_("owner"), seen.owner or "–", ""),
        (_("verifier"), seen.verifier or "–", ""),
        (_("minter"), "EmethCore" if pays else seen.minter or "–", "" if pays else "warn"),
    ]


def rate_facts(seen: Overview) -> list[Fact]:
    """Return what a network stakes, pays and keeps, and how many jobs are in which state."""
    from emeth_tui.protocol.contracts import RATE_BASE

    rates, cap = seen.rates, seen.rates.max_slot_gas_per_node
    jobs = _(", ").join(
        f"{job_status_name(status.name.lower())} {count:,}" for status, count in seen.jobs.items()
    )
    return [
        (_("deposit"), _("{rate} of the fee").format(rate=percent(rates.deposit_rate / RATE_BASE)), ""),
        (
            _("penalties"),
            _("{timeout} for a missed deadline, {decline} for declining, {failed} for a bad result").format(
                timeout=percent(rates.timeout_penalty_rate / RATE_BASE),
                decline=percent(rates.decline_penalty_rate / RATE_BASE),
                failed=percent(rates.failed_penalty_rate / RATE_BASE),
            ),
            "",
        ),
        (_("verifier's fee"), exact_emt(rates.verifier_fee_wei), ""),
        (_("most gas a day"), _("no limit") if cap.bit_length() > 200 else f"{cap:,}", ""),
        (_("today's reward"), exact_emt(seen.day_reward_wei), ""),
        (_("jobs"), jobs or "–", ""),
    ]


def part_of_day(day: Day, share: NodeShare) -> float:
    """Return which part of a day's gas is a node's."""
    return share.gas / day.total_gas if day.total_gas else 0.0


def share_state(day: Day, share: NodeShare) -> str:
    """Say what became of a node's share of a day."""
    if not day.is_closed:
        return _("not over yet")
    return _("to withdraw") if share.withdrawable_wei else _("withdrawn")
