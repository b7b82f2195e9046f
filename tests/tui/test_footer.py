"""The footer: help is always there, the most used keys come first, a note covers neither."""

from __future__ import annotations

import pytest

from emeth_tui.tui.panels.keys import KeyHint, Note, hint_at, keys_line
from tests.tui.harness import LARGE, last_line, press, shown
from tests.tui.stand_in import StandInNode

HINTS = [
    KeyHint("p", "Pause", "pause", brief="Hold"),
    KeyHint("D", "Decline", "decline", why_not="nothing to decline"),
    KeyHint("?", "Help", "help", pinned=True),
]


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (80, 24), (120, 35), (160, 45)])
async def test_help_is_on_every_page_at_every_size(node: StandInNode, size: tuple[int, int]) -> None:
    async with shown(node, size) as pilot:
        for key in ("f5", "h", "d", "escape", "m", "x", "l", "s", "escape", "enter"):
            await press(pilot, key)
            assert " ? Help  q Quit" in last_line(pilot), key


async def test_the_most_used_keys_come_first(node: StandInNode) -> None:
    async with shown(node, (80, 24)) as pilot:
        assert last_line(pilot).startswith(" Enter Details  p Pause  P Claims  h History  m Market  l Log ")


async def test_a_note_leaves_the_keys_and_stays_on_its_page(node: StandInNode) -> None:
    async with shown(node, LARGE) as pilot:
        await press(pilot, "t")
        assert last_line(pilot).startswith(" ▸ theme: ")
        assert " Enter Details  p Pause " in last_line(pilot)
        await press(pilot, "h")
        assert "theme: " not in last_line(pilot)
        await press(pilot, "escape")
        assert "theme: " not in last_line(pilot) or last_line(pilot).startswith(" ▸ theme: ")


async def test_a_note_on_a_small_screen_leaves_help(node: StandInNode) -> None:
    async with shown(node, (40, 12)) as pilot:
        pilot.app.note.show("a note that is longer than the screen is wide")  # type: ignore[attr-defined]
        assert last_line(pilot).startswith(" ▸ a note that is")
        assert last_line(pilot).endswith("…  ? Help  q Quit")


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (50, " p Pause  D Decline (nothing to decline)  ? Help "),
        (28, " p Pause  D Decline  ? Help "),
        (27, " p Hold  D Decline  ? Help "),
        (20, " p Hold  ? Help "),
        (9, " ? Help "),
    ],
)
def test_reasons_go_first_then_long_labels_then_keys(width: int, text: str) -> None:
    assert keys_line(HINTS, None, width).text == text


@pytest.mark.parametrize("note", [None, Note("done", "good")])
def test_a_click_finds_the_key_that_stands_there(note: Note | None) -> None:
    text = keys_line(HINTS, note, 60).text
    for hint in HINTS:
        assert hint_at(HINTS, note, 60, text.index(f" {hint.key} ") + 1) == hint
    assert hint_at(HINTS, note, 60, 59) is None
    assert note is None or hint_at(HINTS, note, 60, 1) is None
