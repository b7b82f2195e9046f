"""A screen attached to a node in another process: it acts like the node's own, or it only looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.model import AskedAt, ServiceName
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.dialogs.dialog import Dialog
from emeth_tui.tui.node_front import Ending
from tests.tui.harness import (
    ATTACHED,
    LARGE,
    READ_ONLY,
    SMALL,
    attached,
    last_line,
    press,
    settled,
    shown,
    text_of,
)
from tests.tui.stand_in import ATTACHED_TO, NOW, TRAINING_ID, StandInNode, paused, snapshot

REASON = "read-only: it was started with --read-only"


@pytest.fixture
def node() -> StandInNode:
    node = StandInNode()
    node.attached_to = ATTACHED_TO
    return node


def commands(node: StandInNode) -> list[object]:
    return [name for name, _job in node.calls if name != "chain_record"]  # which only reads


async def test_commands_go_out_with_the_dialogs_and_figures_of_the_nodes_own_screen(
    node: StandInNode, tmp_path: object
) -> None:
    async with attached(node, tmp_path) as pilot:  # type: ignore[arg-type]
        await press(pilot, "D")
        assert "5.03086419725 EMT, 25 %" in text_of(pilot)
        await press(pilot, "y")
        assert node.calls == [("decline_job", TRAINING_ID)]
        assert "job 6f2a…c1 is declined" in last_line(pilot)
        await press(pilot, "w")
        assert "812.00 EMT withdrawn" in last_line(pilot)
    assert {asker.place for asker in node.askers} == {AskedAt.ATTACHED_SCREEN}
    assert [here for _asker, here in node.screens] == [True, False]


async def test_a_refusal_of_the_node_is_in_the_footer(node: StandInNode, tmp_path: object) -> None:
    node.refusals["pause_job"] = Foreign("not that one")
    async with attached(node, tmp_path) as pilot:  # type: ignore[arg-type]
        await press(pilot, "p", "p")
        assert "✗ not that one" in last_line(pilot)


@pytest.mark.parametrize(("answer", "command"), [("d", "drain"), ("x", "request_stop")])
async def test_q_can_stop_the_node_as_well(node: StandInNode, answer: str, command: str) -> None:
    async with shown(node, options=ATTACHED) as pilot:
        await press(pilot, "q")
        assert "attached to" in text_of(pilot)
        assert "process 4242 since 11-14 10:16" in text_of(pilot)
        await press(pilot, answer)
        assert commands(node) == [command]
    assert pilot.app.return_value is None


async def test_q_leaves_the_screen_alone_also_while_the_node_stops(node: StandInNode) -> None:
    node.change(stopping="stopping")
    async with shown(node, options=ATTACHED) as pilot:
        await press(pilot, "q")
        assert isinstance(pilot.app.screen, Dialog)
        assert "Leave this screen; the node goes on" in text_of(pilot)
        await pilot.press("l")
        await pilot.pause()
    assert pilot.app.return_value is Ending.LEFT
    assert node.calls == []


async def test_q_leaves_at_once_while_the_node_has_not_answered_yet() -> None:
    app = EmethApp(None, ATTACHED)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        assert "connecting to the node that runs here …" in text_of(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value is Ending.LEFT


@pytest.mark.parametrize("options", [ATTACHED, READ_ONLY], ids=["attached", "read-only"])
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=str)
async def test_the_header_says_what_it_is_and_the_first_line_says_so(
    node: StandInNode, size: tuple[int, int], options: object
) -> None:
    async with shown(node, size, options) as pilot:  # type: ignore[arg-type]
        header = text_of(pilot).splitlines()[0]
        assert ("read-only" if options is READ_ONLY else "attached") in header
        assert ("process 4242 since 11-14 10:16" in header) is (size == LARGE)
        assert "1,240.50" in header
        assert "attached to the node that runs already, as process 4242" in last_line(pilot)


async def test_a_node_elsewhere_is_named_with_its_machine(node: StandInNode) -> None:
    node.attached_to = replace(ATTACHED_TO, host="gpu-farm")
    async with shown(node, options=ATTACHED) as pilot:
        assert "attached gpu-farm · process 4242" in text_of(pilot).splitlines()[0]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("host", ["gpu-farm", "operator@10.0.0.12:2222"])
async def test_on_a_small_screen_the_machine_is_named_rather_than_the_network(
    node: StandInNode, host: str, language: str
) -> None:
    node.attached_to = replace(ATTACHED_TO, host=host)
    async with shown(node, SMALL, structs.replace(ATTACHED, language=language)) as pilot:
        header = text_of(pilot).splitlines()[0]
        assert host.removeprefix("operator@") in header
        assert "1,240.50" in header


async def test_a_name_too_long_for_a_small_screen_leaves_the_figures_there(node: StandInNode) -> None:
    node.attached_to = replace(ATTACHED_TO, host="a-machine-with-a-very-long-name.rack-12.example.org")
    async with shown(node, SMALL, ATTACHED) as pilot:
        header = text_of(pilot).splitlines()[0]
        assert header.startswith(" attached a-machine-")
        assert "…  block 1,204,331 3 s ago" in header
        assert "1,240.50" in header


@pytest.mark.parametrize("key", ["p", "P", "f", "D", "A", "w"])
async def test_on_a_read_only_screen_no_key_acts_and_each_says_why(node: StandInNode, key: str) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await press(pilot, key)
        assert not pilot.app.screen.is_modal
        assert REASON in last_line(pilot)
    assert commands(node) == []


@pytest.mark.parametrize(
    "keys", [("enter", "p"), ("enter", "D"), ("s", "enter"), ("s", "backspace"), ("s", "r")]
)
async def test_nor_does_one_of_a_page(node: StandInNode, keys: tuple[str, ...]) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await press(pilot, *keys)
        assert not pilot.app.screen.is_modal
        assert REASON in last_line(pilot)
    assert commands(node) == []


async def test_an_offer_is_shown_and_not_claimed(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await press(pilot, "m", "enter")
        assert "EMT: read-only: it was started" in text_of(pilot)
        await press(pilot, "y", "down", "enter")
    assert commands(node) == []


async def test_actions_are_faint_and_help_says_why(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        hints = {hint.key: hint.why_not for hint in pilot.app.screen.hints()}  # type: ignore[attr-defined]
        assert {key for key, refusal in hints.items() if refusal} == {"p", "P", "f", "D", "w"}
        await press(pilot, "question_mark")
        assert text_of(pilot).count(f"not now: {REASON}") == 6  # one more than in the footer: decline all


async def test_everything_is_there_to_see(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        for key, text in (("h", "History"), ("x", "Transactions"), ("m", "Market"), ("l", "node.log")):
            await press(pilot, key)
            assert text in text_of(pilot)
            assert "asking the node" not in text_of(pilot)
            await press(pilot, "escape")


async def test_q_on_a_read_only_screen_leaves_at_once_because_nothing_ends(node: StandInNode) -> None:
    async with shown(node, options=READ_ONLY) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert pilot.app.return_value is Ending.LEFT


async def test_a_broken_connection_is_a_banner(node: StandInNode) -> None:
    broken = ServiceStatus(ServiceName.NODE, NOW - 12, Foreign("the node has not answered in 5 s"))
    async with shown(node, options=ATTACHED) as pilot:
        node.change(services=(*snapshot().services, broken))
        await settled(pilot)
        banner = text_of(pilot).splitlines()[1]
        assert "✗ the node has not answered since 14:03:07 (12 s), trying again" in banner
        assert "has not answered in 5 s" in banner


@pytest.mark.parametrize("options", [ATTACHED, READ_ONLY], ids=["attached", "read-only"])
async def test_a_pause_of_claiming_offers_its_key_to_who_may_use_it(
    node: StandInNode, options: object
) -> None:
    async with shown(node, options=options) as pilot:  # type: ignore[arg-type]
        node.change(claims_paused=PausedByOperator(), standstill=paused(PausedByOperator()))
        await settled(pilot)
        banner = text_of(pilot).splitlines()[1]
        assert "claiming is paused: by the operator" in banner
        assert ("P resumes" in banner) is (options is ATTACHED)
