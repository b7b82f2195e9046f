"""What each UTC day earned: the jobs that ended on it, and the reward for its gas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from emeth_tui.job import Job
from emeth_tui.model import SECONDS_PER_DAY, JobState
from emeth_tui.protocol.contracts import SlotShare

_COSTLY = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.DECLINED})


@dataclass(frozen=True, slots=True)
class DayAccount:
    """One UTC day. EMT in wei: `earned` is fees less the verifier's, `lost` penalties, `reward` our
    gas's share of the day's reward.

    Today's reward is its value now; a closed day's counts whether it is withdrawn or not.
    """

    slot: int
    ended: int
    verified: int
    costly: int
    gas: int
    earned_wei: int
    lost_wei: int
    reward_wei: int

    @property
    def start_unix_s(self) -> int:
        return self.slot * SECONDS_PER_DAY

    @property
    def total_wei(self) -> int:
        return self.earned_wei - self.lost_wei + self.reward_wei


def days_of(jobs: Iterable[Job], shares: Iterable[SlotShare]) -> list[DayAccount]:
    """Return the totals of every day on which a job ended or gas was earned, newest first."""
    by_slot: dict[int, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.ended_at_unix_s is not None:
            by_slot[int(job.ended_at_unix_s) // SECONDS_PER_DAY].append(job)
    share_of = {share.slot: share for share in shares if share.own_gas}
    slots = sorted(by_slot.keys() | share_of.keys(), reverse=True)
    return [_day(slot, by_slot.get(slot, []), share_of.get(slot)) for slot in slots]


def _day(slot: int, jobs: list[Job], share: SlotShare | None) -> DayAccount:
    return DayAccount(
        slot=slot,
        ended=len(jobs),
        verified=sum(job.state is JobState.VERIFIED for job in jobs),
        costly=sum(job.state in _COSTLY for job in jobs),
        gas=share.own_gas if share else sum(job.gas for job in jobs),
        earned_wei=sum(job.earned_wei for job in jobs),
        lost_wei=sum(job.lost_wei for job in jobs),
        reward_wei=share.own_reward_wei if share else 0,
    )
