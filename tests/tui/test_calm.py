"""A fault is shown once, with its start and what happens next; an unavailable action says why."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from emeth_tui.engine.events import JobProgress
from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.model import ServiceName
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.training.reports import Progress
from emeth_tui.tui.drawing.lines import line
from emeth_tui.tui.frame import make_frame
from emeth_tui.tui.panels.banner import banner_lines
from emeth_tui.tui.parts import node_feed
from tests.tui.harness import SMALL, last_line, press, settled, shown, text_of
from tests.tui.stand_in import NOW, TRAINING_ID, StandInNode, paused, snapshot


@pytest.mark.parametrize(
    ("next_try_unix_s", "words"),
    [(NOW + 4.2, "next try in 5 s"), (NOW - 1, "trying again"), (None, "trying again")],
)
def test_a_lost_link_says_since_when_and_when_it_is_tried_again(
    next_try_unix_s: float | None, words: str
) -> None:
    lost = ServiceStatus(ServiceName.CHAIN, NOW - 90, Foreign("connection refused"), next_try_unix_s)
    frame = make_frame(snapshot(services=(lost,)))
    (banner,) = banner_lines(frame, 160)
    assert banner.text == (
        f" ✗ the chain has not answered since 14:01:49 (1 min), {words}: connection refused"
    )


async def test_the_palette_says_why_something_cannot_be_done_now(node: StandInNode) -> None:
    node.change(claims_paused=PausedByOperator(), standstill=paused(PausedByOperator()))
    async with shown(node) as pilot:
        await press(pilot, "colon", *"finish")
        assert "✗ Finish what is under way, then pause" in text_of(pilot)
        assert "not now: claiming is already paused" in text_of(pilot)


@pytest.mark.parametrize(
    ("place", "tip"),
    [
        ("block", "2023-11-15 14:03:16 UTC"),
        ("c3d9…02", "2023-11-15 13:52:19 UTC"),
        ("deadline in 4 h 02", "2023-11-15 18:05:39 UTC"),
        ("day ends in", "2023-11-16 00:00:00 UTC"),
        ("epoch 12 of 30", "2023-11-15 14:02:58 UTC"),
    ],
)
async def test_hovering_a_relative_time_shows_the_absolute_one(
    node: StandInNode, place: str, tip: str
) -> None:
    async with shown(node) as pilot:
        lines = text_of(pilot).splitlines()
        y = next(n for n, text in enumerate(lines) if place in text)
        await pilot.hover(offset=(lines[y].index(place), y))
        await settled(pilot)
        widget, _region = pilot.app.screen.get_widget_at(lines[y].index(place), y)
        assert tip in str(widget.tooltip)


def test_a_line_is_the_same_whatever_its_tip() -> None:
    assert line("a", tip="b").text == "a"


async def test_the_footer_says_why_a_key_can_do_nothing(node: StandInNode) -> None:
    node.change(jobs=(), workers=())
    async with shown(node, (250, 80)) as pilot:
        assert "p Pause (no job is chosen)" in last_line(pilot)
    async with shown(node, SMALL) as pilot:
        assert "no job is chosen" not in last_line(pilot)
        await pilot.hover(offset=(2, 23))
        await settled(pilot)
        widget, _region = pilot.app.screen.get_widget_at(2, 23)
        assert str(widget.tooltip) == "not now: no job is chosen"
        await pilot.click(offset=(2, 23))
        await settled(pilot)
        assert "! no job is chosen" in last_line(pilot)
    assert node.calls == []


async def test_progress_waits_for_half_a_second_and_an_event_does_not(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(node_feed, "time", SimpleNamespace(monotonic=lambda: now_s))
    feed = node_feed.NodeFeed(node)
    feed.advance()
    following = asyncio.create_task(feed.follow(node))
    await asyncio.sleep(0)
    node.subscription.offer_progress(JobProgress(TRAINING_ID, Progress(1, 30, 1, 100, 2.5, 1_000.0)))
    await asyncio.sleep(0)
    assert not feed.due
    now_s += node_feed.PROGRESS_REFRESH_S
    assert feed.due
    assert feed.advance()
    assert not feed.due
    node.change(jobs=())
    node.subscription.close()
    await following
    assert feed.due
