"""The page of one's own requests: what became of each, whatever stands in names and on the chain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.tui.screens.tables.requests import RequestsScreen
from emeth_tui.words.translation import set_language
from tests.tui.harness import LARGE, SMALL, attached, last_line, press, shown, text_of
from tests.tui.stand_in import TRAINING_ID, StandInNode, chain_job, followed_jobs, requested

HUGE = 2**256 - 1


async def test_each_request_shows_its_state_node_fee_and_time_left(node: StandInNode, tmp_path: Path) -> None:
    async with attached(node, tmp_path, SMALL) as pilot:
        await press(pilot, "r")
        page = text_of(pilot)
        (unfinished,) = [line for line in page.splitlines() if line.startswith(" 5e66")]
        (training,) = [line for line in page.splitlines() if line.startswith(" 3c55")]
        assert "unfinished" in unfinished
        for cell in ("training", "0x1111…0000", "20.00", "5 h 33", "en 640 kB"):
            assert cell in training
        await press(pilot, "slash", *"novel", "enter")
        assert not any(line.startswith(" 5e66") for line in text_of(pilot).splitlines())


async def test_a_job_that_this_very_node_trains_shows_its_epochs(node: StandInNode) -> None:
    own = requested(TRAINING_ID, "own.txt")
    node.records.followed = [FollowedJob(own, chain_job(own, node=node.picture.address))]
    async with shown(node) as pilot:
        await press(pilot, "r")
        assert " 12/30 " in text_of(pilot)


async def test_nothing_requested_and_nothing_without_a_node(node: StandInNode) -> None:
    node.records.followed = []
    async with shown(node) as pilot:
        await press(pilot, "r")
        assert "nothing requested yet" in text_of(pilot)
    node.picture = replace(node.picture, from_chain_alone=True)
    async with shown(node) as pilot:
        await press(pilot, "r")
        assert not isinstance(pilot.app.screen, RequestsScreen)
        assert last_line(pilot).strip().startswith("!")


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_absurd_names_and_figures_stay_within_the_screen(
    node: StandInNode, size: tuple[int, int], language: str
) -> None:
    set_language(language)
    nasty = replace(followed_jobs()[1].request, path=Path("/tmp") / ("\x1b[2J\u202e漢" * 40))  # noqa: S108
    job = chain_job(nasty, fee_wei=HUGE, deadline_unix_s=HUGE, started_at_unix_s=HUGE)
    node.records.followed = [FollowedJob(nasty, replace(job, status=status)) for status in JobStatus]
    async with shown(node, size) as pilot:
        await press(pilot, "r", "end")
        lines = text_of(pilot).splitlines()
        assert len(lines) == size[1]
        assert max(cell_len(line) for line in lines) <= size[0]
        assert not any("\x1b" in line or "\u202e" in line for line in lines)
        assert any("·[2J·漢" in line for line in lines)
