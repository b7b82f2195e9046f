"""Rules on heat, power and other programs: what they hold, what they say, and that none costs a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.machine.reading import MachineReading
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.pauses import rules as why
from emeth_tui.notices.reasons.pauses.hours import TrainingHoursOver
from emeth_tui.store.database import Store
from tests.engine.pauses.test_pauses import HOUR_S, NOON, House

HEAT = "temperature above 83 for 10s until 75 for 60s"
GPU = GpuReading(
    "cuda:0",
    97,
    8,
    60,
    251.0,
    memory_temperature_c=80,
    margin_c=20,
    fan_percent=50,
    others_bytes=10_000_000,
)
MACHINE = MachineReading(5.0, 8_000_000_000, 90, on_battery=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def house_of(store: Store, *rules: str, names: tuple[str, ...] = ("cuda:0",)) -> House:
    house = House(store, names)
    house.rule(*rules)
    return house


async def test_a_hot_gpu_rests_until_it_has_been_cool_for_a_while(store: Store) -> None:
    house = house_of(store, HEAT)
    job = house.add(work_s=60, deadline_h=72)
    async with house.leases.lend(job.job_id):
        await house.heated(90, seconds=10)
        assert house.pauses.held == ()
        await house.heated(90, seconds=1)
        assert house.scripts[0].paused
        (held,) = house.pauses.held
        assert (held.worker, held.since_unix_s) == (0, house.now)
        assert held.reason == why.GpuHot(90, 75, "07-01 12:00 CEST")

        await house.heated(80, seconds=200)  # neither hot nor cool
        assert house.pauses.held[0].reason == why.GpuHot(80, 75, "07-01 12:00 CEST")
        await house.heated(75, seconds=60)
        assert house.scripts[0].paused
        await house.heated(75, seconds=1)
        assert not house.scripts[0].paused

    assert house.pauses.held == ()
    assert house.kinds() == ["device_held", "device_let_go"]


async def test_a_moment_of_heat_is_none(store: Store) -> None:
    house = house_of(store, HEAT)
    for _ in range(20):
        await house.heated(90, seconds=9)
        await house.heated(82, seconds=1)
    assert house.kinds() == []


async def test_a_rule_holds_the_device_that_is_hot_and_no_other(store: Store) -> None:
    house = house_of(store, HEAT, names=("cuda:0", "cuda:1", "cpu"))
    await house.heated(90, seconds=20, device="cuda:1")
    assert [held.worker for held in house.pauses.held] == [1]


async def test_this_machines_battery_holds_no_other_machines_device(store: Store) -> None:
    house = house_of(store, "on-battery", names=("cpu", "attic · cpu"))
    there: Any = house.leases.workers[1]
    there.host = "attic"
    house.sample = Sample(machine=replace(MACHINE, on_battery=True))
    await house.looking(20)
    assert [held.worker for held in house.pauses.held] == [0]


async def test_a_rule_for_one_device_leaves_the_others_alone(store: Store) -> None:
    house = house_of(store, "cuda:1 on-battery", names=("cuda:0", "cuda:1"))
    house.sample = Sample(machine=replace(MACHINE, on_battery=True))
    await house.looking(20)
    assert [held.worker for held in house.pauses.held] == [1]


@pytest.mark.parametrize(
    ("rule", "sample", "reason"),
    [
        (
            "memory-temperature above 95 until 85",
            Sample(gpus=(replace(GPU, memory_temperature_c=100),)),
            why.GpuMemoryHot(100, 85, "07-01 12:00 CEST"),
        ),
        (
            "margin below 5 until 15",
            Sample(gpus=(replace(GPU, margin_c=4),)),
            why.GpuNearSlowdown(4, 15, "07-01 12:00 CEST"),
        ),
        ("power above 250 until 200", Sample(gpus=(GPU,)), why.GpuPowerHigh(251, 200, "07-01 12:00 CEST")),
        (
            "fan above 80 until 60",
            Sample(gpus=(replace(GPU, fan_percent=90),)),
            why.FanFast(90, 60, "07-01 12:00 CEST"),
        ),
        (
            "others-gpu-memory above 500 until 100",
            Sample(gpus=(replace(GPU, others_bytes=600_000_000),)),
            why.GpuUsedByOthers(600_000_000, 100_000_000, "07-01 12:00 CEST"),
        ),
        (
            "others-cpu above 30 until 10",
            Sample(machine=replace(MACHINE, others_cpu_percent=31.5)),
            why.CpuUsedByOthers(31.5, 10, "07-01 12:00 CEST"),
        ),
        (
            "free-memory below 2000 until 4000",
            Sample(machine=replace(MACHINE, free_memory_bytes=1_900_000_000)),
            why.MemoryLow(1_900_000_000, 4_000_000_000, "07-01 12:00 CEST"),
        ),
        (
            "battery below 40 until 60",
            Sample(machine=replace(MACHINE, battery_percent=39)),
            why.BatteryLow(39, 60, "07-01 12:00 CEST"),
        ),
        ("on-battery", Sample(machine=replace(MACHINE, on_battery=True)), why.OnBattery("07-01 12:00 CEST")),
    ],
)
async def test_every_figure_holds_a_device_and_says_why(
    store: Store, rule: str, sample: Sample, reason: Reason
) -> None:
    house = house_of(store, rule)
    house.sample = sample
    await house.looking(11)
    assert [held.reason for held in house.pauses.held] == [reason]
    house.sample = Sample(gpus=(replace(GPU, power_w=100.0),), machine=MACHINE)
    await house.looking(61)
    assert house.pauses.held == ()


async def test_a_figure_that_is_not_reported_holds_nothing_up(store: Store) -> None:
    house = house_of(store, HEAT)
    await house.heated(None, seconds=100)
    assert house.kinds() == []
    await house.heated(90, seconds=20)
    await house.heated(None, seconds=61)
    assert house.kinds() == ["device_held", "device_let_go"]


async def test_a_rule_that_is_taken_away_lets_go_and_others_keep_their_state(store: Store) -> None:
    house = house_of(store, HEAT)
    await house.heated(90, seconds=20)
    house.rule("power above 500 until 400", HEAT)
    await house.heated(90, seconds=1)
    assert len(house.pauses.held) == 1
    house.rule()
    await house.heated(90, seconds=1)
    assert house.pauses.held == ()


async def test_a_job_that_a_hot_device_would_make_late_is_finished_first(store: Store) -> None:
    house = house_of(store, HEAT)
    job = house.add(work_s=HOUR_S, deadline_h=3)
    async with house.leases.lend(job.job_id):
        await house.heated(90, seconds=20)
        assert house.scripts[0].paused
        latest_h = 3 - house.context.forecasts.work_left(job).high_s / HOUR_S

        await house.at(latest_h - 0.01)
        assert house.scripts[0].paused
        await house.at(latest_h + 0.01)

        assert not house.scripts[0].paused
        assert [held.finishing for held in house.pauses.held] == [job.job_id]
    assert house.kinds() == ["device_held", "finishes_first"]


async def test_a_job_at_risk_is_given_back_where_the_owner_wants_that(store: Store) -> None:
    house = house_of(store, HEAT)
    house.set(job_at_risk="decline")
    house.rule(HEAT)
    job = house.add(work_s=HOUR_S, deadline_h=3)
    async with house.leases.lend(job.job_id):
        await house.heated(90, seconds=20)
        await house.at(1)
        assert house.calls == []
        await house.at(1.9)
        for task in list(house.pauses._declining.values()):
            await task
        assert house.calls == [("decline", job.job_id)]


async def test_a_rule_that_goes_on_when_the_hours_begin_is_said(store: Store) -> None:
    house = House(store, ("cuda:0",), training=["13:00-06:00"])
    house.rule(HEAT)
    await house.heated(90, seconds=20)
    assert isinstance(house.pauses.held[0].reason, TrainingHoursOver)
    await house.at(1)
    await house.heated(90, seconds=1)

    (held,) = house.pauses.held
    assert isinstance(held.reason, why.GpuHot)
    assert held.since_unix_s == NOON + 1, "held all the time"
    assert house.kinds() == ["device_held", "device_held"]


async def test_no_job_is_planned_on_a_device_that_a_rule_holds(store: Store) -> None:
    house = house_of(store, HEAT, names=("cuda:0", "cuda:1"))
    job = house.add(work_s=60, deadline_h=72, state=JobState.CLAIMED)
    await house.heated(90, seconds=20)

    assert house.leases.resting == []
    assert [worker.device for worker in house.leases.out_of_reach] == ["cuda:0"]
    house.context.forecasts.keep_worker(job)
    place = house.leases.place_of(job.job_id)
    assert place is not None
    assert place.device == "cuda:1"


async def test_a_job_that_waits_for_a_held_device_goes_on_when_it_is_let_go(store: Store) -> None:
    house = house_of(store, HEAT)
    job = house.add(work_s=60, deadline_h=72)
    await house.heated(90, seconds=20)
    waiting = asyncio.create_task(lent_to(house, job.job_id))
    await asyncio.sleep(0)
    assert house.leases.place_of(job.job_id) is not None, "it is reserved for it"
    assert not waiting.done()

    await house.heated(60, seconds=61)
    assert await waiting == 0


async def test_a_job_that_is_finished_first_gets_a_held_device_at_once(store: Store) -> None:
    house = house_of(store, HEAT)
    job = house.add(work_s=60, deadline_h=72)
    await house.heated(90, seconds=20)
    house.leases.exempt(job.job_id)
    assert await lent_to(house, job.job_id) == 0


async def lent_to(house: House, job_id: JobId) -> int:
    """Return which worker a job gets; the limit bounds a hang."""
    with anyio.fail_after(30):
        async with house.leases.lend(job_id) as worker:
            return worker.index
