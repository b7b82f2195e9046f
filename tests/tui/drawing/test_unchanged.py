"""A panel whose figures stay the same is not drawn again; whatever changes what it shows, it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.model import token_to_wei
from emeth_tui.tui.panels.widgets import DepositsPanel, DiskPanel, EventsPanel
from emeth_tui.words.translation import set_language
from tests.tui.harness import press, settled, shown, text_of
from tests.tui.stand_in import NOW, StandInNode


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The panels that were drawn."""
    names: list[str] = []
    for panel in (DepositsPanel, DiskPanel, EventsPanel):

        def draw(self: object, *arguments: object, _draw: object = panel.draw) -> None:
            names.append(type(self).__name__)
            _draw(self, *arguments)  # type: ignore[operator]

        monkeypatch.setattr(panel, "draw", draw)
    return names


async def test_what_does_not_change_is_not_drawn_again(node: StandInNode, drawn: list[str]) -> None:
    async with shown(node) as pilot:
        drawn.clear()
        node.picture = replace(node.picture, at_unix_s=NOW + 1)
        await settled(pilot)
        assert "14:03:20 UTC" in text_of(pilot)
        assert drawn == []


async def test_each_change_is_drawn(node: StandInNode, drawn: list[str]) -> None:
    deposits, disk = node.picture.deposits, node.picture.disk
    assert deposits is not None
    async with shown(node) as pilot:
        drawn.clear()
        node.picture = replace(node.picture, deposits=replace(deposits, free_wei=token_to_wei("77.25")))
        await settled(pilot)
        assert drawn == ["DepositsPanel"]
        assert "77.25" in text_of(pilot)
        node.picture = replace(node.picture, disk=replace(disk, free_bytes=1_000_000_000))
        await settled(pilot)
        assert drawn[1:] == ["DiskPanel"]
        node.picture = replace(node.picture, events=node.picture.events[:2])
        await settled(pilot)
        assert drawn[2:] == ["EventsPanel"]


async def test_a_cursor_and_a_language_are_changes_too(node: StandInNode, drawn: list[str]) -> None:
    async with shown(node) as pilot:
        await press(pilot, "6")
        drawn.clear()
        await press(pilot, "down")
        assert drawn == ["EventsPanel"]
        set_language("ja")
        await settled(pilot)
        assert "デポジット" in text_of(pilot)
