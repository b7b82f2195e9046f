"""Every row of the table of actions on the screen: its key, why it can do nothing, help, palette, footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from textual.pilot import Pilot

from emeth_tui.job import Job
from emeth_tui.model import JournaledTransaction
from emeth_tui.tui.action import SCREENS, Action, Scope
from emeth_tui.tui.actions import ACTIONS, BY_ID, actions_of, palette_actions
from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.keymap import shown_key
from emeth_tui.tui.node_front import Ending
from emeth_tui.tui.why_not import needs_node
from emeth_tui.words.sentences import text_of as text_of_reason
from tests.factories import make_transaction
from tests.tui.harness import LARGE, OPTIONS, READ_ONLY, SMALL, attached, last_line, press, shown, text_of
from tests.tui.screens.far_hosts import hosts
from tests.tui.stand_in import StandInNode, snapshot

MIN_FEE = ("s", *["down"] * 4)
# Which keys lead to where an action's keys are heard, and something is there to act on.
WAY_TO = {
    Scope.EVERYWHERE: (),
    Scope.SCREEN: ("h",),
    Scope.ROWS: ("l", "home", "down"),
    Scope.TABLE: ("h",),
    Scope.DASHBOARD: ("2",),
    Scope.EVENTS: ("6",),
    Scope.HISTORY: ("h",),
    Scope.DAYS: ("h", "d"),
    Scope.MARKET: ("m",),
    Scope.TRANSACTIONS: ("x",),
    Scope.TRANSACTION: ("x", "enter"),
    Scope.DEPOSITS: ("3", "enter"),
    Scope.DISK: ("4", "enter"),
    Scope.SHARE: ("5", "enter"),
    Scope.NETWORK: ("n",),
    Scope.REQUESTS: ("r",),
    Scope.REQUEST: ("r", "end", "enter"),
    Scope.HOSTS: ("H",),
    Scope.GRAPHS: ("v",),
    Scope.JOB: ("enter",),
    Scope.LOG: ("l",),
    Scope.SETTINGS: MIN_FEE,
    Scope.SETTING_ENTRY: (*MIN_FEE, "enter"),
    Scope.HELP: ("question_mark",),
}
HUGE = (250, 120)


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the actions that were performed."""
    ids: list[str] = []
    perform = Action.perform

    def note(action: Action, application: object) -> None:
        ids.append(action.id)
        perform(action, application)

    monkeypatch.setattr(Action, "perform", note)
    return ids


def seen(pilot: Pilot[Ending]) -> object:
    """What a user has before them."""
    app = pilot.app
    return text_of(pilot), app.focused, app.screen, app.theme, app.clipboard


# Another way, where the first row is not one to act on.
OTHER_WAYS = {
    "panel-2": ("3",),
    "fetch-result": ("r", "end"),  # the verified one
    "cancel-this-request": ("r", "enter"),  # the unfinished one
}


def way_to(action: Action) -> tuple[str, ...]:
    return OTHER_WAYS.get(action.id, WAY_TO[action.scope])


@pytest.mark.parametrize("where", ["embedded", pytest.param("attached", marks=pytest.mark.slow)])
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
async def test_its_key_does_it(
    node: StandInNode, performed: list[str], tmp_path: Path, action: Action, where: str
) -> None:
    size, node.picture = SMALL, replace(node.picture, hosts=hosts())
    async with shown(node, size) if where == "embedded" else attached(node, tmp_path, size) as pilot:
        await press(pilot, *way_to(action))
        performed.clear()
        before, calls = seen(pilot), list(node.calls)
        await press(pilot, action.keys.split()[0])
        assert performed == [action.id]
        assert (seen(pilot), node.calls) != (before, calls)


@pytest.fixture
def nothing_to_act_on(monkeypatch: pytest.MonkeyPatch) -> StandInNode:
    """A node without anything on it."""
    disk = replace(snapshot().disk, by_job=())
    node = StandInNode(
        snapshot(jobs=(), workers=(), offers=(), events=(), today=None, ended_today=(), disk=disk)
    )

    async def history() -> Sequence[Job]:
        return []

    async def transactions(_limit: int) -> Sequence[JournaledTransaction]:
        return []

    monkeypatch.setattr(node.records, "history", history)
    monkeypatch.setattr(node.records, "transactions", transactions)
    return node


@pytest.mark.parametrize(
    "action", [action for action in ACTIONS if action.why_not], ids=lambda action: action.id
)
async def test_its_key_says_why_not(
    nothing_to_act_on: StandInNode, performed: list[str], monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    if action.scope is Scope.TRANSACTION:  # one without a job
        withdrawal = [make_transaction(job_id=None, purpose="withdraw")]
        monkeypatch.setattr(nothing_to_act_on.records, "transactions", AsyncMock(return_value=withdrawal))
    if action.scope is Scope.REQUESTS:
        nothing_to_act_on.records.followed = []
    if action.why_not is needs_node:
        nothing_to_act_on.picture = replace(nothing_to_act_on.picture, from_chain_alone=True)
    async with shown(nothing_to_act_on, options=READ_ONLY) as pilot:
        await press(pilot, *way_to(action))
        performed.clear()
        await press(pilot, action.keys.split()[0])
        assert performed == [action.id] * action.explains_itself
        reason = action.reason_against(pilot.app.frame, pilot.app.target)  # type: ignore[attr-defined]
        assert reason
        assert action.explains_itself or f"! {text_of_reason(reason)}" in last_line(pilot)
        assert nothing_to_act_on.calls == []


async def test_help_lists_every_action_with_all_its_keys(node: StandInNode) -> None:
    async with shown(node, HUGE) as pilot:
        await press(pilot, "question_mark")
        lines = text_of(pilot).splitlines()
        for action in ACTIONS:
            keys = [shown_key(key) for key in action.keys.split()]
            assert any(line.endswith(action.help) and set(keys) <= set(line.split()) for line in lines), (
                action.id
            )


@pytest.mark.parametrize("scope", Scope, ids=lambda scope: scope.name)
async def test_palette_and_footer_show_what_belongs_there(node: StandInNode, scope: Scope) -> None:
    node.picture = replace(node.picture, hosts=hosts())
    async with shown(node, HUGE) as pilot:
        await press(pilot, *WAY_TO[scope])
        app: Any = pilot.app
        there = {Scope.EVERYWHERE, Scope.SCREEN} | {scope} - {Scope.ROWS}
        offered = {entry.title.removeprefix("✗ ") for entry in app.get_system_commands(app.screen)}
        listed = {action.help for action in ACTIONS if action.scope in there and action.id != "palette"}
        assert listed <= offered

        entries = {
            action.id: f" {shown_key(action.keys.split()[0])} {action.label_for(app.frame, app.target)} "
            for action in ACTIONS
            if action.label
        }
        footer_scope = scope if scope in {*SCREENS, Scope.SETTING_ENTRY} else app.screen.SCOPE
        expected = {entry for name, entry in entries.items() if BY_ID[name].in_footer_of(footer_scope)}
        footer = last_line(pilot) + " "
        assert {entry for entry in entries.values() if entry in footer} == expected


async def test_a_palette_entry_does_what_it_says(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "down", "colon", *"resume", "enter", "p")
        assert [name for name, _job in node.calls] == ["pause_job"]


async def test_a_command_says_why_not_while_the_node_starts(node: StandInNode) -> None:
    app = EmethApp(None, OPTIONS)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("w")
        await pilot.pause()
        assert "! the node is still starting" in last_line(pilot)
        app.show_node(node)
        await press(pilot, "w")
        assert node.calls == [("withdraw", None)]


def test_ids_are_unique_and_so_are_keys_where_they_are_heard() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for scope in Scope:
        keys = [key for action in actions_of(scope) for key in action.keys.split()]
        assert len(keys) == len(set(keys)), scope


def test_the_palette_has_each_text_once() -> None:
    helps = [action.help for action in palette_actions(set(Scope) - {Scope.HISTORY})]
    assert len(helps) == len(set(helps))
