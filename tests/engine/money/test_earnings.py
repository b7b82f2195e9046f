"""What each day earned, from the jobs that ended and the days' shares."""

from __future__ import annotations

from emeth_tui.engine.money.earnings import days_of
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
    shares = [
        SlotShare(101, own_gas=7, own_balance=0, total_gas=70, reward_wei=token_to_wei(100)),
        SlotShare(99, own_gas=1, own_balance=1, total_gas=4, reward_wei=token_to_wei(100)),
        SlotShare(98, own_gas=0, own_balance=0, total_gas=4, reward_wei=token_to_wei(100)),
    ]

    today, yesterday, before = days_of(jobs, shares)

    assert (today.slot, today.ended, today.verified, today.costly, today.gas) == (101, 3, 1, 1, 7)
    assert today.total_wei == token_to_wei(12 - 5 + 10)
    assert (yesterday.slot, yesterday.gas, yesterday.total_wei) == (100, 5, token_to_wei(10))
    assert (before.slot, before.ended, before.reward_wei) == (99, 0, token_to_wei(25))


def test_nothing_ended_is_no_day() -> None:
    assert days_of([make_job()], []) == []
