"""A day in a minute: no deadline missed, every pause explained, every alert delivered exactly once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emeth_tui.notices.events.schedule import FinishesFirst
from emeth_tui.store.database import Store
from tests.alerts.receiver import Receiver
from tests.day import judge
from tests.day.calendar import noon_before_change
from tests.day.play import Day
from tests.day.world import DayWorld
from tests.faults.stage.settings import Layout, follow_clock
from tests.faults.stage.world import deploy

pytestmark = [pytest.mark.slow, pytest.mark.process]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DayWorld]:
    """A network and what is around it on the noon before a night in which clocks change."""
    deployed = await deploy(tmp_path / "deployed", published=False)
    layout, receiver = Layout(tmp_path / "day"), Receiver()
    world = DayWorld(layout, receiver, noon_before_change(time.time()))
    for name in ("time", "time_ns"):
        monkeypatch.setattr(time, name, getattr(time, name))  # as it is, to be put back
    follow_clock(layout.clock)
    try:
        await world.start(deployed)
        yield world
    finally:
        await world.stop()
        receiver.close()


async def test_a_day_and_a_night_in_a_minute(world: DayWorld) -> None:
    day = Day(world)
    await day.play()

    assert day.scrapes == day.steps > 40
    await judge.check_jobs(world, refused=1)
    with Store(world.state_dir) as store:
        await judge.check_money(world, store)
        judge.check_rests(world, store)
        judge.check_alerts(world, store)
        assert any(isinstance(event.body, FinishesFirst) for event in judge.stored(store))
