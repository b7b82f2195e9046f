"""The network's page: who earned what, whatever a chain says, and where it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from emeth_tui.network.overview import Day, NodeShare
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.words.translation import set_language
from tests.tui.harness import LARGE, SMALL, attached, press, shown, text_of
from tests.tui.stand_in import OUR_ADDRESS, RIVAL_ADDRESS, StandInNode, seen_network

HUGE = 2**256 - 1


async def test_the_day_is_shared_by_gas_and_a_row_says_what_its_node_has_in_all(
    node: StandInNode, tmp_path: Path
) -> None:
    node.picture = replace(node.picture, address=OUR_ADDRESS.lower())
    async with attached(node, tmp_path, SMALL) as pilot:
        await press(pilot, "n")
        rows = [line.split() for line in text_of(pilot).splitlines() if line.startswith(" 2023-11-1")]
        assert [(row[1], next(cell for cell in row if "00.00" in cell)) for row in rows] == [
            ("0x9f3a…2B3c", "216,000.00"),
            ("0x1111…0000", "72,000.00"),
            ("0x1111…0000", "192,000.00"),
            ("0x9f3a…2B3c", "96,000.00"),
        ]
        assert "(us)" in rows[0]
        assert "(us)" not in rows[1]
        await press(pilot, "down")
        assert "0x1111…0000 in all: 4 verified, 60.00 fees, 192,000.00 rewards" in text_of(pilot)
        await press(pilot, "slash", *RIVAL_ADDRESS[:8], "enter")
        assert "0x9f3a" not in text_of(pilot)


async def test_an_empty_network_says_so(node: StandInNode) -> None:
    node.records.seen_network = seen_network(days=(), nodes=(), jobs={})
    async with shown(node) as pilot:
        await press(pilot, "n")
        assert "no node has earned anything yet" in text_of(pilot)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_absurd_figures_of_a_chain_stay_within_the_screen(
    node: StandInNode, size: tuple[int, int], language: str
) -> None:
    set_language(language)
    days = tuple(
        Day(HUGE - number, bool(number), 0, HUGE, (NodeShare(RIVAL_ADDRESS, HUGE, HUGE, HUGE),))
        for number in range(200)
    )
    jobs = dict.fromkeys(JobStatus, HUGE)
    node.records.seen_network = seen_network(
        days=days,
        jobs=jobs,
        supply_wei=HUGE,
        day_reward_wei=HUGE,
        today=HUGE,
        owner="",
        minter="",
        verifier="",
    )
    async with shown(node, size) as pilot:
        await press(pilot, "n", "end")
        lines = text_of(pilot).splitlines()
        assert len(lines) == size[1]
        assert max(cell_len(line) for line in lines) <= size[0]
        assert any("9999-12-31" in line for line in lines)
