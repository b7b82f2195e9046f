"""The settings screen: what it shows, what changes, what is refused and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from emeth_tui.tui.node_front import Ending
from emeth_tui.tui.screens.dashboard import Dashboard
from emeth_tui.tui.screens.settings import SettingsScreen
from tests.tui.harness import SMALL, last_line, press, shown, text_of
from tests.tui.stand_in import StandInNode, settings_editor

MIN_FEE = ["s", *["down"] * 4]
WORKERS = ["s", "slash", *"workers", "full_stop", *"devices", "enter"]


@pytest.fixture
def config(tmp_path: Path, node: StandInNode) -> Path:
    """A settings file that the node was started with."""
    path = tmp_path / "config.toml"
    path.write_text("# mine\n[claims]\nmin_fee_emt = 10\n", "utf-8")
    node.settings_editor = settings_editor(path)
    return path


async def fill(pilot: Pilot[Ending], value: str, key: str) -> None:
    """Put a value in the open line, and press a key."""
    pilot.app.screen.query_one("#entry", Input).value = value
    await press(pilot, key)


def text(config: Path) -> str:
    return config.read_text("utf-8")


def write(config: Path, content: str) -> None:
    config.write_text(content, "utf-8")


async def test_a_value_is_changed_in_place_and_written(node: StandInNode, config: Path) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, *MIN_FEE)
        assert "lowest fee to accept, in EMT" in text_of(pilot)
        await press(pilot, "enter")
        await fill(pilot, "12.5", "enter")
        assert "claims.min_fee_emt: 10 → 12.5" in last_line(pilot)
        assert "claims.min_fee_emt          file           12.5" in text_of(pilot)
    assert text(config) == "# mine\n[claims]\nmin_fee_emt = 12.5\n"


async def test_a_wrong_value_leaves_the_line_open_and_the_file_alone(node: StandInNode, config: Path) -> None:
    before = text(config)
    async with shown(node, SMALL) as pilot:
        await press(pilot, *MIN_FEE, "enter")
        await fill(pilot, "much", "enter")
        assert "✗ claims.min_fee_emt = 'much': an amount of EMT is a number from 0" in text_of(pilot)
        await fill(pilot, "7", "enter")
        assert "10 → 7" in last_line(pilot)
        await press(pilot, "enter")
        await fill(pilot, "8", "escape")
        assert "file           7" in text_of(pilot)
        assert isinstance(pilot.app.screen, SettingsScreen)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, Dashboard)
    assert text(config) == before.replace("10", "7")


async def test_a_switch_takes_its_other_value_at_once_and_its_default_again(
    node: StandInNode, config: Path
) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "s", "down", "down", "down", "enter")
        assert "claims.enabled: true → false" in last_line(pilot)
        assert "enabled = false" in text(config)
        await press(pilot, "backspace")
        assert "claims.enabled: false → true" in last_line(pilot)
        assert "enabled" not in text(config)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [(WORKERS, "needs a restart"), ([*MIN_FEE, "down"], "set on this run's command line")],
)
async def test_what_cannot_change_now_says_why(node: StandInNode, keys: list[str], reason: str) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, *keys)
        assert reason in text_of(pilot)
        await press(pilot, "enter", "backspace")
        assert reason in last_line(pilot)
        assert node.calls == []


async def test_r_reloads_and_a_broken_file_is_told_and_changes_nothing(
    node: StandInNode, config: Path
) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "s", "r")
        assert "nothing has changed" in last_line(pilot)
        write(config, "[claims]\nmin_fee_emt = 3\n[workers]\ndevices = ['cpu']\n")
        await press(pilot, "r")
        assert "2 changed, 1 after a restart" in last_line(pilot)
        await press(pilot, *WORKERS[1:])
        assert "after a restart: cpu" in text_of(pilot)
        write(config, "[claims\n")
        await press(pilot, "r")
        assert "is not TOML" in last_line(pilot)
        assert node.settings_editor.view().settings[4].value == "3"


async def test_a_file_that_is_gone_is_missed_and_keeps_what_it_said(node: StandInNode, config: Path) -> None:
    async with shown(node) as pilot:  # wide enough for the path of a test
        config.unlink()  # noqa: ASYNC240
        await press(pilot, *MIN_FEE, "enter")
        await fill(pilot, "3", "enter")
        assert "no such file" in text_of(pilot)
        await press(pilot, "escape", "r")
        assert "no such file" in text_of(pilot)
        assert "no file " not in text_of(pilot)
        assert node.settings_editor.view().settings[4].value == "10"


@pytest.mark.slow
async def test_the_theme_and_the_language_change_at_once(node: StandInNode, config: Path) -> None:
    async with shown(node) as pilot:
        before = pilot.app.theme
        await press(pilot, "s", "slash", *"screen", "enter", "enter")
        assert pilot.app.theme != before
        await press(pilot, "down", "enter", "enter")
        assert "設定項目" in text_of(pilot)


async def test_the_filter_finds_settings_by_what_they_mean(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "s", "slash", *"rewards of closed")
        assert "rewards.auto_withdraw" in text_of(pilot)
        assert "claims.enabled" not in text_of(pilot)


async def test_without_a_file_a_change_holds_for_this_run(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, *MIN_FEE, "enter")
        await fill(pilot, "3", "enter")
        assert "claims.min_fee_emt: 10 → 3" in last_line(pilot)
        assert "this run       3" in text_of(pilot)
    assert not node.settings_editor.view().exists


async def test_where_a_setting_has_no_value_the_networks_stands_in_brackets(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "s", "slash", *"margin")
        assert re.search(r"claims\.safety_margin_s +default +\(\d+\)", text_of(pilot))
