"""What a screen comes up with: the same as loaded settings say, or nothing where they have to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.settings import PASSWORD_VARIABLE, load_settings
from emeth_tui.settings.first_look import first_look, look_of

SECRETS = {PASSWORD_VARIABLE: "secret"}
PLAIN = (
    "",
    'network = "round3-2"\n',
    '[screen]\ntheme = "paper"\nlanguage = "ja"\nascii = true\nread_only = true\n',
    '[state]\ndirectory = "~/emeth"\n[claims]\nmin_fee_emt = 12\n',
    '[keys]\ntheme = "f8"\nclaim = ["x", "ctrl+x"]\n',
    "\ufeff[screen]\nlanguage = ''\n",
)
OPTIONS: tuple[Mapping[str, Any], ...] = (
    {},
    {
        "network": "round3-2",
        "screen.theme": "light",
        "screen.language": "en",
        "screen.ascii": True,
        "state.directory": Path("/srv/emeth"),
        "log.format": None,
    },
)


@pytest.mark.parametrize("options", OPTIONS, ids=["file", "options"])
@pytest.mark.parametrize("text", PLAIN)
def test_it_is_what_the_loaded_settings_say(tmp_path: Path, text: str, options: Mapping[str, Any]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")

    look = first_look(path, options, SECRETS, environment={})

    assert look is not None
    assert look == look_of(load_settings(path, environment={}, overrides=options))


@pytest.mark.parametrize(
    "text",
    [
        "[screen\n",
        "screen = 1\n",
        "network = 1\n",
        'network = "../elsewhere"\n',
        "[screen]\ntheme = 1\n",
        '[screen]\nlanguage = "fr"\n',
        '[screen]\nascii = "yes"\n',
        '[state]\ndirectory = "$HOME/emeth"\n',
        '[state]\ndirectory = ""\n',
        '[state]\ndirectory = "a\\u0000b"\n',
        '[state]\ndirectory = "~nobody-of-this-name/emeth"\n',
        "[keys]\ntheme = []\n",
        "[keys]\ntheme = 8\n",
        "a = " + "[" * 5_000,
        "network = 'a\udcff'",
    ],
)
def test_anything_odd_is_left_to_the_loading_of_settings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    assert first_look(path, {}, SECRETS, environment={}) is None


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert first_look(tmp_path / "config.toml", {}, SECRETS, environment={}) is None
    assert first_look(tmp_path, {}, SECRETS, environment={}) is None


def test_a_variable_may_override_anything(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch()

    assert first_look(path, {}, SECRETS, environment={"EMETH_TUI_SCREEN__THEME": "light"}) is None


def test_a_password_that_has_to_be_asked_for_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    from_manager = {"CREDENTIALS_DIRECTORY": str(credentials)}

    assert first_look(path, {}, {}, environment={}) is None
    assert first_look(path, {}, {PASSWORD_VARIABLE: ""}, environment={}) is None
    assert first_look(path, {}, from_manager, environment={}) is None
    (credentials / "password").write_text("secret\n", "utf-8")
    assert first_look(path, {}, from_manager, environment={}) is not None
    path.write_text('[wallet]\npassword_file = "~/password"\n', "utf-8")
    assert first_look(path, {}, {}, environment={}) is not None
    assert first_look(path, {}, {PASSWORD_VARIABLE: ""}, environment={}) is None
