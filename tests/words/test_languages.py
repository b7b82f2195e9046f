"""The languages of the interface: everything that names them names the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import emeth_tui.words
from emeth_tui.settings.sections import ScreenSettings
from emeth_tui.words.translation import LANGUAGES, language_of_locale

CATALOGUES = Path(emeth_tui.words.__file__).parent / "locale"


def test_every_language_but_english_has_a_catalogue() -> None:
    assert {path.stem for path in CATALOGUES.glob("*.po")} == set(LANGUAGES) - {"en"}


def test_every_language_can_be_set() -> None:
    choices = get_args(ScreenSettings.model_fields["language"].annotation)
    assert choices == ("", *LANGUAGES)  # empty: the locale's


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_a_locales(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}_XX.UTF-8")
    assert language_of_locale() == language
