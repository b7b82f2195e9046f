"""Graphs over time: on their page, under the workers where there is room, on an attached screen as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from emeth_tui.job import Job
from emeth_tui.model import SECONDS_PER_DAY, WEI_PER_TOKEN, WorkerPhase
from emeth_tui.tui.node_front import Ending
from emeth_tui.tui.screens import page
from emeth_tui.tui.screens.day_accounts import DayAccounts
from emeth_tui.tui.screens.graphs import GraphsScreen
from emeth_tui.workers.views import WorkerView
from tests.tui.harness import LARGE, SMALL, attached, press, settled, shown, text_of, until
from tests.tui.stand_in import SECOND_ID, StandInNode, ended_job, snapshot, training_job, training_worker
from tests.tui.test_pictures import eight_workers

KNOWN_OF_A_GPU = ("tok/s", "GPU use", "memory", "temp", "power", "loss")


def words_of(text: str) -> set[str]:
    return {word for word in KNOWN_OF_A_GPU if f"{word} " in text}


@pytest.mark.parametrize("where", ["embedded", "attached"])
async def test_the_page_shows_all_that_is_known_of_each_device(
    node: StandInNode, tmp_path: Path, where: str
) -> None:
    async with shown(node) if where == "embedded" else attached(node, tmp_path) as pilot:
        await press(pilot, "v")
        assert isinstance(pilot.app.screen, GraphsScreen)
        page = text_of(pilot)
        assert words_of(page) == set(KNOWN_OF_A_GPU)
        assert page.count("NVIDIA RTX 4090") == 2
        assert "tok/s 31.2k" in page
        assert "EMT by day" in page


async def test_a_cpu_has_only_what_is_known(node: StandInNode) -> None:
    cpu = training_worker(device="cpu", device_name="", gpu_uuid="")
    node = StandInNode(snapshot(workers=(cpu,), gpus=(), jobs=(training_job(),)))
    async with shown(node) as pilot:
        await press(pilot, "v")
        assert words_of(text_of(pilot)) == {"tok/s", "loss"}


async def test_two_workers_on_one_device_each_show_their_own(node: StandInNode) -> None:
    paused = replace(training_job(paused=True), job_id=SECOND_ID)
    workers = (
        training_worker(device="cpu", device_name=""),
        training_worker(
            index=1,
            device="cpu",
            device_name="",
            job_id=SECOND_ID,
            phase=WorkerPhase.PAUSED,
            tokens_per_s=840.0,
            train_loss=3.02,
        ),
    )
    node = StandInNode(snapshot(workers=workers, gpus=(), jobs=(training_job(), paused)))
    async with shown(node, LARGE) as pilot:
        for key in ("1", "v"):
            await press(pilot, key)
            page = text_of(pilot)
            assert [page.count(f"tok/s {speed}") for speed in ("31.2k", "840")] == [1, 1], page
        assert re.findall(r"cpu +worker (\d)", page) == ["0", "1"]
        await press(pilot, "slash", *"worker 1", "enter")
        assert "840" in text_of(pilot)
        assert "31.2k" not in text_of(pilot)


async def test_tab_shows_a_longer_time(node: StandInNode) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "v")
        titles = []
        for _span in range(4):
            titles.append(text_of(pilot).splitlines()[1].strip())
            await press(pilot, "tab")
        assert "10 min" in titles[0]
        assert "1 h 00" in titles[1]
        assert "24 h 00" in titles[2]
        assert titles[3] == titles[0]


async def test_a_day_that_is_not_answered_yet_shows_no_other_time(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(node) as pilot:
        await press(pilot, "v")
        monkeypatch.setattr(GraphsScreen, "reload", lambda _screen: None)
        await press(pilot, "tab")
        assert "tok/s" not in text_of(pilot)


async def test_a_lone_worker_has_graphs_where_there_is_room(node: StandInNode) -> None:
    node = StandInNode(snapshot(workers=(training_worker(),), jobs=(training_job(),)))
    for size, graphs in ((LARGE, True), ((100, 30), True), (SMALL, False)):
        async with shown(node, size) as pilot:
            assert ("GPU use " in text_of(pilot)) is graphs


async def test_eight_workers_leave_no_room_and_lose_none_of_their_lines() -> None:
    async with shown(StandInNode(eight_workers())) as pilot:
        page = text_of(pilot)
        assert "GPU use " not in page
        assert page.count("NVIDIA RTX 4090") == 8


async def test_the_graphs_go_on_when_the_node_is_silent_for_a_while(
    node: StandInNode, tmp_path: Path
) -> None:
    async with attached(node, tmp_path) as pilot:
        await until(pilot, lambda text: "GPU use " in text)
        node.change(workers=(replace(training_worker(), phase=WorkerPhase.IDLE, job_id=None),))
        await until(pilot, lambda text: "0 of 1 at work" in text)
        assert "GPU use " in text_of(pilot)


async def test_a_device_of_which_nothing_is_measured_says_so() -> None:
    node = StandInNode(snapshot(workers=(WorkerView(0, "cpu"),), gpus=(), jobs=()))
    async with shown(node) as pilot:
        await press(pilot, "v")
        assert "nothing is measured yet" in text_of(pilot)


@pytest.mark.parametrize("size", [(10, 30), (10, 40), (2, 40), (1, 10)], ids=str)
async def test_a_screen_too_narrow_for_graphs_stays_up(size: tuple[int, int]) -> None:
    node = StandInNode(snapshot(workers=(training_worker(),), jobs=(training_job(),)))
    async with shown(node, size) as pilot:
        await press(pilot, "v")
        assert isinstance(pilot.app.screen, GraphsScreen)


def emt_of_today(pilot: Pilot[Ending]) -> str:
    """Read the newest value over the bars of the days."""
    return re.findall(r"today (\S+)", text_of(pilot))[-1]


async def test_a_job_that_ends_while_the_page_is_open_is_in_todays_bar(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = 0

    async def history() -> Sequence[Job]:
        nonlocal loaded
        loaded += 1
        return node.picture.ended_today

    monkeypatch.setattr(node.records, "history", history)
    monkeypatch.setattr(page.PageScreen, "LEAST_REST_S", 0.0)
    monkeypatch.setattr(page, "REST_SHARE", 0)
    async with shown(node) as pilot:
        await press(pilot, "v")
        before = int(emt_of_today(pilot).replace(",", ""))
        assert loaded == 1
        node.change(ended_today=(ended_job(), replace(ended_job(), job_id=SECOND_ID)))
        await settled(pilot)
        await settled(pilot)
        assert int(emt_of_today(pilot).replace(",", "")) == before + 10
        assert loaded == 2


async def test_a_new_day_shows_what_its_jobs_came_to(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.PageScreen, "LEAST_REST_S", 0.0)
    monkeypatch.setattr(page, "REST_SHARE", 0)
    async with shown(node) as pilot:
        await press(pilot, "v")
        today = node.picture.today
        assert today is not None
        slot = today.share.slot + 1
        at_unix_s = slot * SECONDS_PER_DAY + 5.0
        ended = replace(ended_job(), earned_wei=7 * WEI_PER_TOKEN, ended_at_unix_s=at_unix_s)

        async def history() -> Sequence[Job]:
            return [ended]

        monkeypatch.setattr(node.records, "history", history)
        share = replace(today.share, slot=slot, own_gas=0, own_balance=0)
        node.change(today=replace(today, share=share))
        await settled(pilot)
        await settled(pilot)
        assert emt_of_today(pilot) == "7"


def test_days_are_added_up_again_only_when_something_has_changed() -> None:
    accounts, jobs, today = DayAccounts(), [ended_job()], snapshot().today
    days = accounts.of(jobs, today)
    assert accounts.of(jobs, snapshot().today) is days
    assert accounts.of(jobs, None) is not days
    assert accounts.of([*jobs, *jobs], None)[0].ended == 2
