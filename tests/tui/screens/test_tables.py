"""Pages of rows: what matters is not cut, the chosen row can be read in full, columns sort."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import AsyncMock

import pytest
from msgspec import structs

from emeth_tui.model import TransactionState
from emeth_tui.notices.reasons.market import MissesMargin
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.screens.dashboard import Dashboard
from emeth_tui.tui.screens.job import JobScreen
from emeth_tui.tui.screens.tables.deposits import DepositsScreen
from emeth_tui.tui.screens.tables.disk import DiskScreen
from emeth_tui.tui.screens.tables.history import HistoryScreen
from emeth_tui.tui.screens.tables.share import ShareScreen
from emeth_tui.tui.screens.transaction import TransactionScreen
from emeth_tui.words.sentences import text_of as text_of_reason
from tests.tui.harness import LARGE, OPTIONS, SMALL, press, settled, shown, text_of
from tests.tui.stand_in import OFFERS, SECOND_ID, TRAINING_ID, StandInNode


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
    async with shown(node, (100, 30), structs.replace(OPTIONS, language=language)) as pilot:
        lines = text_of(pilot).splitlines()
        panels = [line for line in lines if line.startswith("│") and line.count("││") == 2]
        assert len(panels) == 7
        assert not any("… │" in line or "…│" in line for line in panels)
        assert sum(f" {number} " in "".join(lines) for number in range(1, 7)) == 6


@pytest.mark.parametrize(("panel", "page"), [("3", DepositsScreen), ("4", DiskScreen), ("5", ShareScreen)])
@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_enter_opens_a_panel_without_jobs_alone(
    node: StandInNode, panel: str, page: type, size: tuple[int, int]
) -> None:
    async with shown(node, size) as pilot:
        await press(pilot, panel, "enter")
        assert isinstance(pilot.app.screen, page)
        assert " ↓" not in text_of(pilot)
        await press(pilot, "o")
        assert " ↓" in text_of(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, Dashboard)


async def test_each_deposit_says_what_is_at_risk(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "3", "enter")
        # In training: a quarter, for the timeout; submitted: three quarters, for a rejection.
        for job, risk in zip(node.picture.jobs, ("5.04", "5.00", "15.00", "15.00"), strict=True):
            (row,) = [row for row in text_of(pilot).splitlines() if short(job.job_id) in row]
            assert f" {risk} " in row


async def test_the_chosen_job_on_the_disk_opens(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "4", "enter", "down", "enter")
        assert isinstance(pilot.app.screen, JobScreen)
        assert pilot.app.screen.job_id == SECOND_ID


async def test_a_days_share_leads_to_its_jobs(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "5", "enter", "enter")
        assert isinstance(pilot.app.screen, HistoryScreen)
        assert "ended:2023-11-15" in text_of(pilot)
        assert "77aa…10" in text_of(pilot)


async def test_a_transactions_page_cuts_nothing_and_says_where_it_stands(node: StandInNode) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "x", "enter")
        assert isinstance(pilot.app.screen, TransactionScreen)
        page = " ".join(text_of(pilot).split())
        for fact in ("0x" + "ab" * 32, TRAINING_ID, "1,203,000, with 1,332 confirmations", "1.5 gwei"):
            assert fact in page
        await press(pilot, "c")
        assert pilot.app.clipboard == "0x" + "ab" * 32
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, JobScreen)


async def test_a_transactions_page_follows_what_becomes_of_it(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(node) as pilot:
        await press(pilot, "x", "down", "enter")
        assert "no block holds it yet" in text_of(pilot)
        (sent,) = [tx for tx in await node.records.transactions(9) if tx.purpose == "submit"][:1]
        mined = replace(sent, state=TransactionState.MINED, block_number=1_204_331)
        monkeypatch.setattr(node.records, "transactions", AsyncMock(return_value=[mined]))
        pilot.app.screen.reload()  # type: ignore[attr-defined]
        await settled(pilot)
        assert "1,204,331, with 1 confirmation" in text_of(pilot)
