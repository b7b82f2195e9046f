"""What the hours hold up and what comes next, on the screen."""

from __future__ import annotations

import pytest

from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.pauses.view import Coming, HeldDevice
from emeth_tui.model import WorkerPhase
from emeth_tui.notices.reasons.pauses.hours import ClaimingHoursOver, DeviceStarts, TrainingHoursOver
from tests.tui.harness import LARGE, SMALL, shown, text_of
from tests.tui.stand_in import NOW, TRAINING_ID, StandInNode, snapshot, training_worker

SEVEN = TrainingHoursOver(round(NOW + 3_600), "11-29 07:00")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_worker_that_rests_says_until_when(size: tuple[int, int]) -> None:
    picture = snapshot(
        workers=(training_worker(phase=WorkerPhase.PAUSED),), held=(HeldDevice(0, SEVEN, NOW),)
    )
    async with shown(StandInNode(picture), size) as pilot:
        assert "‖ held" in text_of(pilot)
        assert "not its hours, until 11-29 07:00" in text_of(pilot)


async def test_an_idle_worker_that_rests_does_not_look_for_work() -> None:
    idle = training_worker(job_id=None, phase=WorkerPhase.IDLE)
    picture = snapshot(workers=(idle,), jobs=(), held=(HeldDevice(0, SEVEN, NOW),))
    async with shown(StandInNode(picture)) as pilot:
        assert "‖ held: not its hours, until 11-29 07:00" in text_of(pilot)
        assert "looking for work" not in text_of(pilot)


async def test_a_job_that_is_finished_first_is_shown_at_work() -> None:
    picture = snapshot(workers=(training_worker(),), held=(HeldDevice(0, SEVEN, NOW, TRAINING_ID),))
    async with shown(StandInNode(picture)) as pilot:
        assert "finished first" in text_of(pilot)
        assert "held" not in text_of(pilot)


async def test_the_header_says_what_comes_next_and_the_line_under_it_why_nothing_is_claimed() -> None:
    coming = (Coming(NOW + 7_800, DeviceStarts("cuda:0", "11-29 07:00")),)
    closed = Standstill(ClaimingHoursOver(round(NOW + 3_600), "11-29 06:00"), NOW - 600)
    async with shown(StandInNode(snapshot(coming=coming, standstill=closed)), (160, 45)) as pilot:
        header, banner, *_rest = text_of(pilot).splitlines()
        assert "cuda:0 trains from 11-29 07:00 (in 2 h 10)" in header
        assert "– no jobs are taken at this hour, until 11-29 06:00 (schedule.claims)" in banner
