"""What each day earned, from the jobs that ended and the days' shares."""

from __future__ import annotations

from emeth_tui.engine.money.earnings import RewardState, days_of
from emeth_tui.model import SECONDS_PER_DAY, JobId, JobState, token_to_wei
from emeth_tui.protocol.contracts import SlotShare
from tests.factories import make_job


def ended(number: int, state: JobState, day: float, **changes: object):  # type: ignore[no-untyped-def]
    values = {"ended_at_unix_s": day * SECONDS_PER_DAY, "state": state, **changes}
    return make_job(job_id=JobId(f"0x{number:032x}"), **values)


def test_jobs_count_on_the_day_that_they_ended_and_gas_on_its_own() -> None:
    jobs = [
        ended(1, JobState.VERIFIED, 100.99, gas=5, earned_wei=token_to_wei(10)),
        ended(2, JobState.VERIFIED, 101.0, gas=6, earned_wei=token_to_wei(12)),
        ended(3, JobState.DECLINED, 101.5, lost_wei=token_to_wei(5)),
        ended(4, JobState.LOST, 101.6),
        make_job(state=JobState.TRAINING),
    ]
    closed = [
        SlotShare(99, own_gas=1, own_balance=0, total_gas=4, reward_wei=token_to_wei(100)),
        SlotShare(98, own_gas=0, own_balance=0, total_gas=4, reward_wei=token_to_wei(100)),
    ]
    open_share = SlotShare(101, own_gas=7, own_balance=7, total_gas=70, reward_wei=token_to_wei(100))

    today, yesterday, before = days_of(jobs, closed, open_share)

    assert (today.slot, today.ended, today.verified, today.costly, today.gas) == (101, 3, 1, 1, 7)
    assert today.total_wei == token_to_wei(12 - 5)
    assert (yesterday.slot, yesterday.gas, yesterday.total_wei) == (100, 5, token_to_wei(10))
    assert (before.slot, before.ended, before.reward_wei) == (99, 0, token_to_wei(25))


def test_a_day_that_goes_on_or_is_not_withdrawn_adds_nothing_to_income() -> None:
    reward_wei = token_to_wei(100)
    waiting = SlotShare(100, own_gas=1, own_balance=1, total_gas=4, reward_wei=reward_wei)
    open_share = SlotShare(101, own_gas=7, own_balance=7, total_gas=70, reward_wei=reward_wei)

    today, yesterday = days_of([], [waiting], open_share)

    assert (today.reward_state, today.estimated_wei) == (RewardState.OPEN, token_to_wei(10))
    assert (yesterday.reward_state, yesterday.estimated_wei) == (RewardState.WAITING, token_to_wei(25))
    assert today.total_wei == yesterday.total_wei == today.reward_wei == yesterday.reward_wei == 0


def test_what_moved_counts_before_what_the_rules_say() -> None:
    closed = SlotShare(100, own_gas=1, own_balance=0, total_gas=4, reward_wei=token_to_wei(100))

    (day,) = days_of([], [closed], withdrawn_wei={100: token_to_wei(24)}, native_fees_wei={100: 7})

    assert (day.reward_state, day.reward_wei) == (RewardState.WITHDRAWN, token_to_wei(24))
    assert (day.total_wei, day.estimated_wei, day.native_fee_wei) == (token_to_wei(24), 0, 7)


def test_without_the_chain_a_reward_is_known_once_it_was_withdrawn() -> None:
    jobs = [ended(number, JobState.VERIFIED, day, gas=5) for number, day in ((1, 101.5), (2, 102.5))]

    later, earlier = days_of(jobs, [], withdrawn_wei={101: token_to_wei(3)})

    assert (later.reward_state, later.reward_wei) == (RewardState.UNKNOWN, 0)
    assert (earlier.reward_state, earlier.total_wei) == (RewardState.WITHDRAWN, token_to_wei(3))


def test_nothing_ended_is_no_day() -> None:
    assert days_of([make_job()], []) == []
