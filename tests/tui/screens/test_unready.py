"""Pages that are opened before the node is there, or before it has answered."""

from __future__ import annotations

import asyncio

import pytest

from emeth_tui.engine.settings_editor import SettingsView
from emeth_tui.tui.app import EmethApp
from tests.tui.harness import LARGE, OPTIONS, press, settled, shown, text_of
from tests.tui.stand_in import StandInNode


@pytest.mark.parametrize("key", ["s", "h", "m", "x", "l"])
async def test_a_page_that_comes_before_the_node_waits_for_it(node: StandInNode, key: str) -> None:
    app = EmethApp(None, OPTIONS)
    async with app.run_test(size=LARGE) as pilot:
        await press(pilot, key)
        assert "asking the node …" in text_of(pilot)
        app.show_node(node)
        await settled(pilot)
        await settled(pilot)
        assert "asking the node …" not in text_of(pilot)
        assert len(text_of(pilot).strip().splitlines()) > 5


async def test_until_the_settings_are_there_nothing_is_said_of_them(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, settings = asyncio.Event(), node.records.settings

    async def slow() -> SettingsView:
        await answer.wait()
        return await settings()

    monkeypatch.setattr(node.records, "settings", slow)
    async with shown(node, LARGE) as pilot:
        await pilot.press("s")
        await pilot.pause()
        before = text_of(pilot)
        answer.set()
        await settled(pilot)
        assert "asking the node …" in before
        assert "no file" not in before
        assert "setting " not in before
        assert "claims.min_fee_emt" in text_of(pilot)
