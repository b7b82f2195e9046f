"""A day that is over is summed up once, with what ended on it and its reward, which is then withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from emeth_tui.clients.chain.client import Balances
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.money.rewards import READ_AGAIN_EVERY_S, Rewards
from emeth_tui.errors import TransactionError
from emeth_tui.job import Job
from emeth_tui.model import SECONDS_PER_DAY, JobState
from emeth_tui.notices.events.node import DayClosed
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.store.database import Store
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job

DAY = 20_000
EARNED = SlotShare(DAY, own_gas=5, own_balance=5, total_gas=20, reward_wei=400)


class Chain:
    """The slots of an account."""

    def __init__(self, *shares: SlotShare) -> None:
        self._shares = {share.slot: share for share in shares}

    def pay(self, slot: int) -> None:
        """Have a day's reward withdrawn."""
        self._shares[slot] = replace(self._shares[slot], own_balance=0)

    async def node_slots(self, _address: str) -> Sequence[int]:
        return list(self._shares)

    async def slot_shares(self, _address: str, slots: Sequence[int]) -> Sequence[SlotShare]:
        return [self._shares[slot] for slot in slots]

    async def balances(self, _address: str) -> Balances:
        return Balances(emt_wei=0, native_wei=0, allowance_wei=0)


class Sender:
    """Withdraws nothing while gas is too dear."""

    def __init__(self) -> None:
        self.too_dear = True
        self.tried: list[int] = []

    async def withdraw(self, slot: int) -> None:
        self.tried.append(slot)
        if self.too_dear:
            raise TransactionError(Foreign("gas is too dear"))


def ended(job: Job, day: int, **changes: Any) -> Job:
    return replace(job, ended_at_unix_s=day * SECONDS_PER_DAY + 60.0, **changes)


async def closed(directory: Path, chain: Chain, slots: Sequence[int], *jobs: Job) -> list[object]:
    """Look at rewards while the network's day is each of `slots`; return what was said of closed days."""
    with Store(directory) as store:
        for job in jobs:
            store.jobs.save(job, at_unix_s=1.0, state_changed=True)
        events = EventLog(store.events, lambda: 0.0)
        clock = SimpleNamespace(monotonic_s=lambda: 0.0)
        context: Any = SimpleNamespace(chain=chain, store=store, events=events, address="0x", clock=clock)
        rewards = Rewards(context)
        for slot in slots:
            await rewards.look(slot)
        return [event.body for event in events.recent()]


async def test_a_day_is_summed_up_when_the_next_begins(tmp_path: Path) -> None:
    good = ended(make_job(job_id=JOB_ID), DAY, state=JobState.VERIFIED, earned_wei=20)
    bad = ended(make_job(job_id=OTHER_JOB_ID), DAY, state=JobState.FAILED, lost_wei=7)
    later = ended(make_job(job_id="0x" + "7" * 32), DAY + 1, state=JobState.VERIFIED, earned_wei=99)
    slots = [DAY, DAY, DAY + 1, DAY + 1]

    assert await closed(tmp_path, Chain(EARNED), slots, good, bad, later) == [
        DayClosed(
            slot=DAY,
            verified=1,
            ended=2,
            earned_wei=20,
            lost_wei=7,
            own_gas=5,
            total_gas=20,
            reward_wei=100,
        )
    ]


async def test_a_day_without_work_or_reward_is_not_worth_a_word(tmp_path: Path) -> None:
    assert await closed(tmp_path, Chain(EARNED), [DAY + 5, DAY + 6]) == []


async def test_a_day_far_ahead_of_one_answer_keeps_no_later_day_from_being_summed_up(tmp_path: Path) -> None:
    good = ended(make_job(job_id=JOB_ID), DAY, state=JobState.VERIFIED, earned_wei=20)
    slots = [DAY, DAY + 10_000, DAY, DAY + 1]

    said = await closed(tmp_path, Chain(EARNED), slots, good)

    assert [body.slot for body in said if isinstance(body, DayClosed)] == [DAY]


async def test_a_day_that_closes_while_the_node_is_down_is_summed_up_when_it_is_back(tmp_path: Path) -> None:
    good = ended(make_job(job_id=JOB_ID), DAY, state=JobState.VERIFIED, earned_wei=20)
    later = SlotShare(DAY + 1, own_gas=2, own_balance=2, total_gas=4, reward_wei=100)
    chain = Chain(EARNED, later)
    assert await closed(tmp_path, chain, [DAY], good) == []

    said = await closed(tmp_path, chain, [DAY + 3])

    assert [(one.slot, one.verified, one.earned_wei, one.reward_wei) for one in days(said)] == [
        (DAY, 1, 20, 100),
        (DAY + 1, 0, 0, 50),
    ]
    assert len(await closed(tmp_path, chain, [DAY + 3, DAY + 4])) == 2  # what was said before, and no more


async def test_an_endpoint_that_lags_at_midnight_makes_no_day_end_twice(tmp_path: Path) -> None:
    good = ended(make_job(job_id=JOB_ID), DAY, state=JobState.VERIFIED, earned_wei=20)

    said = await closed(tmp_path, Chain(EARNED), [DAY, DAY + 1, DAY, DAY + 1], good)

    assert [one.slot for one in days(said)] == [DAY]


async def test_a_reward_that_failed_to_come_by_itself_is_left_to_the_command_and_the_next_day(
    tmp_path: Path,
) -> None:
    sender = Sender()
    with Store(tmp_path) as store:
        events = EventLog(store.events, lambda: 0.0)
        context: Any = SimpleNamespace(
            chain=Chain(EARNED),
            store=store,
            events=events,
            address="0x",
            transactions=sender,
            clock=SimpleNamespace(monotonic_s=lambda: 0.0),
        )
        rewards = Rewards(context)
        for slot in (DAY + 1, DAY + 1, DAY + 2, DAY + 2):
            await rewards.look(slot)
            await rewards.withdraw_if_possible()
        assert sender.tried == [DAY, DAY]
        assert rewards.waiting == (EARNED,)

        sender.too_dear = False
        assert await rewards.withdraw() == 100
        assert rewards.waiting == ()

    kinds = [event.kind for event in events.recent()]
    assert kinds == ["withdraw_failed", "withdraw_failed", "withdrawn"]


async def test_what_was_withdrawn_late_or_elsewhere_waits_no_more(tmp_path: Path) -> None:
    now_s = 0.0
    earlier = replace(EARNED, slot=DAY - 1)
    chain = Chain(earlier, EARNED)
    with Store(tmp_path) as store:
        events, clock = EventLog(store.events, lambda: 0.0), SimpleNamespace(monotonic_s=lambda: now_s)
        context: Any = SimpleNamespace(chain=chain, store=store, events=events, address="0x", clock=clock)
        rewards = Rewards(context)
        await rewards.look(DAY + 1)
        assert rewards.waiting == (earlier, EARNED)

        chain.pay(DAY)
        now_s += READ_AGAIN_EVERY_S
        await rewards.look(DAY + 1)

    assert rewards.waiting == (earlier,)
    assert [(day.slot, day.own_balance) for day in rewards.days] == [(DAY - 1, 5), (DAY, 0)]


async def test_what_a_withdrawal_is_about_to_change_is_not_read_meanwhile(tmp_path: Path) -> None:
    chain = Chain(EARNED)
    read: list[str] = []

    async def node_slots(address: str) -> Sequence[int]:
        read.append(address)
        return [DAY]

    async def withdraw(_slot: int) -> None:
        await rewards.look(DAY + 2)
        assert len(read) == 1

    chain.node_slots = node_slots  # type: ignore[method-assign]
    with Store(tmp_path) as store:
        context: Any = SimpleNamespace(
            chain=chain,
            store=store,
            events=EventLog(store.events, lambda: 0.0),
            address="0x",
            transactions=SimpleNamespace(withdraw=withdraw),
            clock=SimpleNamespace(monotonic_s=lambda: 0.0),
        )
        rewards = Rewards(context)
        await rewards.look(DAY + 1)
        await rewards.withdraw()
        await rewards.look(DAY + 2)

    assert len(read) == 2


def days(said: Sequence[object]) -> list[DayClosed]:
    return [one for one in said if isinstance(one, DayClosed)]
