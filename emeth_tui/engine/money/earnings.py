"""What each UTC day earned: the jobs that ended on it, and the reward for its gas.

What is settled stands apart from what is estimated: a day that goes on, or whose reward is not withdrawn,
adds none of it to a total.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from emeth_tui.job import Job
from emeth_tui.model import SECONDS_PER_DAY, JobState, Prices, net_worth
from emeth_tui.protocol.contracts import SlotShare

_COSTLY = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.DECLINED})
_NOTHING: Mapping[int, int] = {}


class RewardState(str, Enum):
    """What became of a day's reward."""

    NONE = "none"  # no gas was earned
    OPEN = "open"  # the day goes on, and its reward changes
    WAITING = "waiting"  # the day is over, and its reward not withdrawn
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"  # gas was earned, and the chain has not been asked


@dataclass(frozen=True, slots=True)
class DayAccount:
    """One UTC day. EMT in wei, settled: `earned` is fees less the verifier's, `lost` penalties, `reward` what
    was withdrawn for our gas. `estimated` is what the reward may still bring, and is in no total.

    `native_fee_wei` is what transactions signed on this day paid for gas, `energy_mj` what the devices took
    for jobs, None where nothing measures that.
    """

    slot: int
    ended: int
    verified: int
    costly: int
    gas: int
    earned_wei: int
    lost_wei: int
    reward_wei: int
    reward_state: RewardState
    estimated_wei: int
    native_fee_wei: int = 0
    energy_mj: int | None = None

    @property
    def start_unix_s(self) -> int:
        return self.slot * SECONDS_PER_DAY

    @property
    def total_wei(self) -> int:
        return self.earned_wei - self.lost_wei + self.reward_wei


def net_of_days(days: Iterable[DayAccount], prices: Prices) -> Decimal | None:
    """Return what days left after fees and energy, each at its own prices; None where one is missing.

    Prices that are the same for all days value their sum, which is exact.
    """
    by_prices: dict[Prices, list[DayAccount]] = defaultdict(list)
    for day in days:
        by_prices[prices.at(day.start_unix_s)].append(day)
    nets = [_net_of(several, held) for held, several in by_prices.items()] or [_net_of([], prices)]
    known = [net for net in nets if net is not None]
    return sum(known, Decimal(0)) if len(known) == len(nets) else None


def _net_of(days: Sequence[DayAccount], prices: Prices) -> Decimal | None:
    return net_worth(
        prices,
        sum(day.total_wei for day in days),
        sum(day.native_fee_wei for day in days),
        sum(day.energy_mj or 0 for day in days),
    )


def slot_of(unix_s: float) -> int:
    """Return the slot, which is the UTC day, that a time is in."""
    return int(unix_s) // SECONDS_PER_DAY


def days_of(
    jobs: Iterable[Job],
    closed: Iterable[SlotShare],
    open_share: SlotShare | None = None,
    *,
    withdrawn_wei: Mapping[int, int] = _NOTHING,
    native_fees_wei: Mapping[int, int] = _NOTHING,
    energy_mj: Mapping[int, int] = _NOTHING,
) -> list[DayAccount]:
    """Return every day on which something was earned or paid, newest first.

    `closed` are the days that are over, `open_share` the one that goes on. `withdrawn_wei`,
    `native_fees_wei` and `energy_mj` are what the ledger, the journal and the meters know, by slot.
    """
    by_slot: dict[int, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.ended_at_unix_s is not None:
            by_slot[slot_of(job.ended_at_unix_s)].append(job)
    rewards = {slot: (RewardState.WITHDRAWN, wei, 0) for slot, wei in withdrawn_wei.items()}
    shares = {share.slot: share for share in closed if share.own_gas}
    rewards |= {slot: _closed(share, withdrawn_wei.get(slot)) for slot, share in shares.items()}
    if open_share is not None and open_share.own_gas:
        shares[open_share.slot] = open_share
        rewards[open_share.slot] = (RewardState.OPEN, 0, open_share.own_reward_wei)
    slots = by_slot.keys() | rewards.keys() | native_fees_wei.keys() | energy_mj.keys()
    return [
        replace(
            _day(
                slot, by_slot.get(slot, []), shares.get(slot), rewards.get(slot), native_fees_wei.get(slot, 0)
            ),
            energy_mj=energy_mj.get(slot),
        )
        for slot in sorted(slots, reverse=True)
    ]


_Reward = tuple[RewardState, int, int]  # with what is settled and what is estimated, in wei


def _closed(share: SlotShare, withdrawn_wei: int | None) -> _Reward:
    """Return the reward of a day that is over; what moved counts before what the rules say."""
    if share.own_balance:
        return RewardState.WAITING, withdrawn_wei or 0, share.withdrawable_wei
    return RewardState.WITHDRAWN, share.own_reward_wei if withdrawn_wei is None else withdrawn_wei, 0


def _day(
    slot: int, jobs: list[Job], share: SlotShare | None, reward: _Reward | None, native_fee_wei: int
) -> DayAccount:
    gas = share.own_gas if share else sum(job.gas for job in jobs)
    state, reward_wei, estimated_wei = reward or (RewardState.UNKNOWN if gas else RewardState.NONE, 0, 0)
    return DayAccount(
        slot=slot,
        ended=len(jobs),
        verified=sum(job.state is JobState.VERIFIED for job in jobs),
        costly=sum(job.state in _COSTLY for job in jobs),
        gas=gas,
        earned_wei=sum(job.earned_wei for job in jobs),
        lost_wei=sum(job.lost_wei for job in jobs),
        reward_wei=reward_wei,
        reward_state=state,
        estimated_wei=estimated_wei,
        native_fee_wei=native_fee_wei,
    )
