"""Pages of rows: what matters is not cut, the chosen row can be read in full, columns sort."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.notices.reasons.market import MissesMargin
from emeth_tui.words.sentences import text_of as text_of_reason
from tests.tui.harness import OPTIONS, SMALL, press, shown, text_of
from tests.tui.stand_in import OFFERS, StandInNode


@pytest.mark.parametrize("size", [(120, 35), (110, 28), (160, 45)])
async def test_what_a_result_should_bring_is_never_cut(node: StandInNode, size: tuple[int, int]) -> None:
    async with shown(node, size) as pilot:
        assert " 24.00 EMT " in text_of(pilot)
        assert " 10.00 EMT " in text_of(pilot)


async def test_the_markets_reason_is_read_in_full_on_a_small_screen(node: StandInNode) -> None:
    refusal = OFFERS[1].refusal
    assert isinstance(refusal, MissesMargin)
    async with shown(node, SMALL) as pilot:
        await press(pilot, "m", "down")
        shown_text = " ".join(text_of(pilot).split())
        assert text_of_reason(refusal) in shown_text


async def test_a_transactions_hash_is_read_in_full_on_a_small_screen(node: StandInNode) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "x", "down")
        assert "0x" + "cd" * 32 in text_of(pilot)


async def test_columns_sort_and_the_chosen_row_stays_chosen(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "h")

        def sizes() -> list[str]:
            return [
                line.split()[4] for line in text_of(pilot).splitlines() if " en " in line or " ja " in line
            ]

        def chosen() -> str:
            return pilot.app.screen.chosen_item.job_id  # type: ignore[attr-defined, no-any-return]

        came, first = sizes(), chosen()
        await press(pilot, "o", "o")
        assert "size ↓" in text_of(pilot)
        assert sizes() == ["1.2", "240", "64", "64", "8"]
        assert chosen() == first
        await press(pilot, "O")
        assert "size ↑" in text_of(pilot)
        assert sizes() == ["8", "64", "64", "240", "1.2"]
        await press(pilot, "O", *"ooooo")
        assert sizes() == came


async def test_c_copies_the_hash_of_the_chosen_transaction(node: StandInNode) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "x", "down", "c")
        assert pilot.app.clipboard == "0x" + "cd" * 32


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_a_hundred_columns_hold_every_panel_uncut(node: StandInNode, language: str) -> None:
    async with shown(node, (100, 30), replace(OPTIONS, language=language)) as pilot:
        lines = text_of(pilot).splitlines()
        panels = [line for line in lines if line.startswith("│") and line.count("││") == 2]
        assert len(panels) == 7
        assert not any("… │" in line or "…│" in line for line in panels)
        assert sum(f" {number} " in "".join(lines) for number in range(1, 7)) == 6
