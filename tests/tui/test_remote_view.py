"""A look at a node in another process: everything to see, every action shown as out of reach and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.model import ServiceName
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.tui.node_front import Ending
from tests.tui.harness import LARGE, OPTIONS, SMALL, last_line, press, settled, shown, text_of
from tests.tui.stand_in import NOW, StandInNode, paused, snapshot

READ_ONLY = dataclasses.replace(OPTIONS, read_only=True)
REASON = "read-only view: the node runs as process 4242"


@pytest.fixture
def node() -> Iterator[StandInNode]:
    viewed = StandInNode()
    viewed.viewed_pid = 4242
    yield viewed
    assert [name for name, _job in viewed.calls if name != "chain_record"] == []  # which only reads


@pytest.mark.parametrize("key", ["p", "P", "f", "D", "A", "w"])
async def test_no_key_acts_and_each_says_why(node: StandInNode, key: str) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await press(pilot, key)
        assert not pilot.app.screen.is_modal
        assert REASON in last_line(pilot)


@pytest.mark.parametrize(
    "keys", [("enter", "p"), ("enter", "D"), ("s", "enter"), ("s", "backspace"), ("s", "r")]
)
async def test_nor_does_one_of_a_page(node: StandInNode, keys: tuple[str, ...]) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await press(pilot, *keys)
        assert not pilot.app.screen.is_modal
        assert REASON in last_line(pilot)


async def test_an_offer_is_shown_and_not_claimed(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await press(pilot, "m", "enter")
        assert "EMT: read-only view: the node" in text_of(pilot)
        await press(pilot, "y", "down", "enter")


async def test_actions_are_faint_and_help_says_why(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        hints = {hint.key: hint.why_not for hint in pilot.app.screen.hints()}  # type: ignore[attr-defined]
        assert {key for key, refusal in hints.items() if refusal} == {"p", "P", "f", "D", "w"}
        await press(pilot, "question_mark")
        assert text_of(pilot).count(f"not now: {REASON}") == 6  # one more than in the footer: decline all


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_header_says_what_it_is_and_the_first_line_says_so(
    node: StandInNode, size: tuple[int, int]
) -> None:
    async with shown(node, size, READ_ONLY) as pilot:
        header = text_of(pilot).splitlines()[0]
        assert "read-only view" in header
        assert "1,240.50" in header
        assert "a node runs here already, as process 4242" in last_line(pilot)


async def test_everything_is_there_to_see(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        for key, text in (("h", "History"), ("x", "Transactions"), ("m", "Market"), ("l", "node.log")):
            await press(pilot, key)
            assert text in text_of(pilot)
            assert "asking the node" not in text_of(pilot)
            await press(pilot, "escape")


async def test_q_leaves_at_once_because_nothing_ends(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert pilot.app.return_value is Ending.LEFT


async def test_a_broken_connection_is_a_banner(node: StandInNode) -> None:
    broken = ServiceStatus(ServiceName.NODE, NOW - 12, Foreign("the node has not answered in 5 s"))
    async with shown(node, options=READ_ONLY) as pilot:
        node.change(services=(*snapshot().services, broken))
        await settled(pilot)
        banner = text_of(pilot).splitlines()[1]
        assert "✗ the node has not answered since 14:03:07 (12 s), trying again" in banner
        assert "has not answered in 5 s" in banner


async def test_a_pause_of_claiming_offers_no_key(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        node.change(claims_paused=PausedByOperator(), standstill=paused(PausedByOperator()))
        await settled(pilot)
        banner = text_of(pilot).splitlines()[1]
        assert "claiming is paused: by the operator" in banner
        assert "goes on" not in banner
