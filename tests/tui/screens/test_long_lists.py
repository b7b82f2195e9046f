"""A history of thousands of jobs: what is in view is drawn, and everything else gets its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.tui.screens.tables import rows
from tests.factories import make_job
from tests.tui.harness import press, settled, shown, text_of
from tests.tui.stand_in import NOW, StandInNode, snapshot

JOBS = 5_000
MOST_IN_A_TURN = 2_000  # a few paints, each of what is measured and what is in view
DAY = 86_400


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    """Two a day, newest first; every hundredth failed."""
    return [
        make_job(
            job_id=JobId(f"0x{number:032x}"),
            state=JobState.FAILED if number % 100 == 0 else JobState.VERIFIED,
            created_at_unix_s=NOW - number * DAY / 2,
            ended_at_unix_s=NOW - number * DAY / 2 + 60,
            earned_wei=10**18,
        )
        for number in range(JOBS)
    ]


@pytest.fixture
def drawn(node: StandInNode, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were drawn in each turn of the event loop in which any was."""
    by_turn: list[int] = []
    going_on = False
    cells = rows._cells

    def end_turn() -> None:
        nonlocal going_on
        going_on = False

    def counted(item: Job, columns: Sequence[Any]) -> Any:
        nonlocal going_on
        if not going_on:
            going_on = True
            by_turn.append(0)
            asyncio.get_running_loop().call_soon(end_turn)
        by_turn[-1] += 1
        return cells(item, columns)

    async def history() -> Sequence[Job]:
        return jobs

    monkeypatch.setattr(rows, "_cells", counted)
    monkeypatch.setattr(node.records, "history", history)
    return by_turn


@pytest.mark.parametrize("keys", [["h"], ["h", "d"]])
async def test_no_key_draws_more_than_is_in_view(
    node: StandInNode, drawn: list[int], keys: list[str]
) -> None:
    async with shown(node) as pilot:
        await press(pilot, *keys, "down", "end", "home", "o", "O")
        assert max(drawn) <= MOST_IN_A_TURN


@pytest.mark.slow
async def test_a_filter_goes_through_all_of_them_in_slices(node: StandInNode, drawn: list[int]) -> None:
    async with shown(node) as pilot:
        await press(pilot, "h", "end")
        assert f"{JOBS:,} jobs" in text_of(pilot)
        await press(pilot, "slash", *"rejected", "enter")
        await settled(pilot)
        assert f"{JOBS // 100} jobs, 0 verified, {JOBS // 100}.00 EMT earned" in text_of(pilot)
        assert max(drawn) <= MOST_IN_A_TURN
        await press(pilot, "escape")
        assert f"{JOBS:,} jobs" in text_of(pilot)


@pytest.mark.slow
async def test_the_chosen_one_stays_chosen_through_a_filter(node: StandInNode, drawn: list[int]) -> None:
    async with shown(node) as pilot:
        await press(pilot, "h", *["down"] * 100)
        page = pilot.app.screen
        assert isinstance(page, rows.RowsScreen)
        assert page.chosen_item.job_id == JobId(f"0x{100:032x}")
        await press(pilot, "slash", *"rejected", "enter")
        assert (page.page.chosen, page.chosen_item.job_id) == (1, JobId(f"0x{100:032x}"))


@pytest.fixture
def sifted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was filtered in slices, by its words."""
    words: list[str] = []
    sift = rows.RowsScreen._sift

    async def noted(screen: Any, wanted: Any, *others: Any) -> None:
        words.append(wanted.words)
        await sift(screen, wanted, *others)

    monkeypatch.setattr(rows.RowsScreen, "_sift", noted)
    return words


def with_many(jobs: Sequence[Job]) -> StandInNode:
    """More than one slice of deposits, of jobs with files, of days."""
    many = jobs[1 : 2 * rows.SLICE_ITEMS]
    first = snapshot()
    assert first.today is not None
    day = first.today.days[0]
    today = replace(first.today, days=tuple(replace(day, slot=slot) for slot in range(len(many))))
    held = tuple((job.job_id, 1) for job in many)
    return StandInNode(
        replace(first, ended_today=tuple(many), today=today, disk=replace(first.disk, by_job=held))
    )


@pytest.mark.parametrize("panel", ["3", "4", "5"])
async def test_a_filter_that_is_done_is_not_begun_again(
    jobs: list[Job], sifted: list[str], panel: str
) -> None:
    async with shown(with_many(jobs)) as pilot:
        await press(pilot, panel, "enter", "slash", "0", "enter")
        for _paint in range(5):
            await settled(pilot)
        assert sifted == ["0"]


async def test_a_filter_under_way_does_not_outlive_its_page(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    sift = rows.RowsScreen._sift

    async def noted(*call: Any) -> None:
        begun.append(call)

    monkeypatch.setattr(rows.RowsScreen, "_sift", noted)
    async with shown(with_many(jobs)) as pilot:
        await press(pilot, "3", "enter", "slash", "0", "enter")
    await sift(*begun[-1])
    assert len(begun[-1][0].shown) > rows.SLICE_ITEMS  # as they were
