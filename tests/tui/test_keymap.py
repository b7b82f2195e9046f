"""Keys of the user's own: what the settings accept, what clashes, and that the screen takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import SettingsError
from emeth_tui.settings import load_settings
from emeth_tui.tui.actions import BY_ID
from emeth_tui.tui.keymap import Keymap, check_keys, shown_key
from emeth_tui.tui.node_front import ScreenOptions
from emeth_tui.tui.screens.tables.history import HistoryScreen
from tests.tui.harness import OPTIONS, last_line, press, shown, text_of
from tests.tui.stand_in import TRAINING_ID, StandInNode, settings_editor

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def with_keys(**keys: tuple[str, ...]) -> ScreenOptions:
    changes = {name.replace("_", "-"): chosen for name, chosen in keys.items()}
    return ScreenOptions(OPTIONS.themes_directory, language="en", keys=changes)


def loaded(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    check_keys(load_settings(path, environment={}))


@pytest.mark.parametrize(
    "line",
    [
        'pause-job = "z"',
        'help = ["?", "f1", "ctrl+h"]',
        'back = "shift+f3"',
        'theme = "é"',
        'claim = "C"',
        'row-up = ["up", "w"]\nwithdraw = "f9"',  # what one gives up, another may have
    ],
)
def test_keys_that_are_accepted(tmp_path: Path, line: str) -> None:
    loaded(tmp_path / "config.toml", f"[keys]\n{line}\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('pause-jobs = "z"', r"keys\.pause-jobs: there is no such action; the nearest is pause-job$"),
        ('pause-job = "hyper"', r"keys\.pause-job.*'hyper'.*a key is a character such as `x`"),
        ('pause-job = "ctrl+P"', "a key is a character"),
        ('pause-job = "pp"', "a key is a character"),
        ('pause-job = ""', "a key is a character"),
        ('pause-job = " "', "a key is a character"),
        ("pause-job = []", "a list of texts is needed"),
        ('pause-job = "w"', r"keys\.pause-job = 'w': withdraw has this key already; choose another"),
        ('theme = "c"', r"keys\.theme = 'c': copy has this key already"),  # in the events alone
        ('claim = "enter"', r"keys\.claim = 'enter': offer-details has this key already"),
        ('claim = "/"', r"keys\.claim = '/': filter has this key already"),
        ('help = "z"\nquit = "z"', r"keys\.help = 'z': quit has this key already"),
        ('set-value = "escape"', r"keys\.set-value = 'escape': leave-value has this key already"),
    ],
)
def test_keys_that_are_not(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as refused:
        loaded(tmp_path / "config.toml", f"[keys]\n{line}\n")
    assert str(refused.value).startswith(f"{tmp_path}/config.toml: ")


def test_the_readme_names_every_action_with_its_key() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    for action in BY_ID.values():
        number = action.id.removeprefix("panel-")
        name = f"`{action.id}`" if number not in "2345" else "`panel-1` … `panel-6`"
        (row,) = [row for row in rows if name in row]
        key = "1`–`6" if number.isdecimal() else shown_key(action.keys.split()[0])
        assert f"`{key}`" in row, action.id


def test_two_pages_may_use_one_key() -> None:
    Keymap({"claim": ("y",), "chain-record": ("y",)})


@pytest.mark.parametrize(
    ("key", "shown_as"),
    [
        ("x", "x"),
        ("ctrl+c", "Ctrl-C"),
        ("f5", "F5"),
        ("shift+f3", "Shift-F3"),
        ("pageup", "PgUp"),
        ("f", "f"),
    ],
)
def test_keys_are_shown_as_people_write_them(key: str, shown_as: str) -> None:
    assert shown_key(key) == shown_as


async def test_a_key_of_ones_own_does_it_and_the_old_one_does_not(node: StandInNode) -> None:
    async with shown(node, options=with_keys(pause_job=("z", "f5"))) as pilot:
        await press(pilot, "p")
        assert node.calls == []
        assert " z Pause " in last_line(pilot)
        await press(pilot, "z", "p")
        await press(pilot, "f5")
        assert node.calls == [("pause_job", TRAINING_ID), ("resume_job", TRAINING_ID)]
        await press(pilot, "question_mark")
        (line,) = [text for text in text_of(pilot).splitlines() if text.endswith(BY_ID["pause-job"].help)]
        assert line.split()[:2] == ["z", "F5"]


async def test_keys_of_pages_lists_and_lines_of_text_change_too(node: StandInNode) -> None:
    options = with_keys(row_down=("z",), job_details=(",",), filter=("ctrl+f",), back=("b",))
    async with shown(node, options=options) as pilot:
        await press(pilot, "h", "ctrl+f", *"b,z")
        assert pilot.app.screen.query_one("#filter").value == "b,z"  # type: ignore[attr-defined]
        await press(pilot, *["backspace"] * 3, "enter", "z", "comma")
        assert pilot.app.screen.job_id != TRAINING_ID  # type: ignore[attr-defined]
        await press(pilot, "b")
        assert isinstance(pilot.app.screen, HistoryScreen)


async def test_keys_change_while_the_node_runs(node: StandInNode, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("", "utf-8")
    node.settings_editor = settings_editor(config)
    async with shown(node) as pilot:
        await press(pilot, "s")
        config.write_text('[keys]\ntheme = "f7"\n', "utf-8")
        await press(pilot, "r")
        assert "keys: – → theme f7" in last_line(pilot)
        before = pilot.app.theme
        await press(pilot, "t")
        assert pilot.app.theme == before
        await press(pilot, "f7")
        assert pilot.app.theme != before
        config.write_text('[keys]\nthemes = "f8"\n', "utf-8")
        await press(pilot, "r")
        assert "✗ keys.themes: there is no such action; the nearest is theme" in text_of(pilot)
        before = pilot.app.theme
        await press(pilot, "f7")
        assert pilot.app.theme != before
