"""What the hours hold up and what comes next, on the screen."""

from __future__ import annotations

import pytest

from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.pauses.view import Coming, HeldDevice
from emeth_tui.model import WorkerPhase
from emeth_tui.notices.reasons.pauses.hours import ClaimingHoursOver, DeviceStarts, TrainingHoursOver
from emeth_tui.words.formats import moment
from tests.tui.harness import LARGE, SMALL, press, shown, text_of
from tests.tui.stand_in import NOW, TRAINING_ID, StandInNode, snapshot, training_job, training_worker

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


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_paused_job_says_when_it_resumes_on_its_row_and_on_its_page(size: tuple[int, int]) -> None:
    paused = training_job(paused=True, paused_until_unix_s=NOW + 7_800)
    async with shown(StandInNode(snapshot(jobs=(paused,))), size) as pilot:
        assert "resumes in 2 h 10" in text_of(pilot)
        await press(pilot, "enter")
        assert f"paused until      {moment(NOW + 7_800)} UTC, in 2 h 10" in text_of(pilot)


@pytest.mark.parametrize("key", ["p", "P"])
async def test_a_pause_until_the_morning_names_the_zone(key: str) -> None:
    async with shown(StandInNode(snapshot(time_zone="Asia/Tokyo"))) as pilot:
        await press(pilot, key)
        assert "Until 07:00 (Asia/Tokyo)" in text_of(pilot)
