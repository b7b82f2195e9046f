"""The languages of the interface: everything that names them names the same ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import emeth_tui.words
from emeth_tui.settings.sections import ScreenSettings
from emeth_tui.words.translation import LANGUAGES, language_of_locale, read_catalogue
from tests.terminal import ROOT

CATALOGUES = Path(emeth_tui.words.__file__).parent / "locale"
JAPANESE_PAGES = sorted((ROOT / "docs").glob("*.ja.md"))
# What Japanese must not say, with the word that stands for the same thing everywhere.
ONE_WORD = {
    "訓練": "学習",
    "取引": "トランザクション",
    "獲得": "収入",
    "検証者の手数料": "検証料",
    "締まった日": "締め切られた日",
}


def test_every_language_but_english_has_a_catalogue() -> None:
    assert {path.stem for path in CATALOGUES.glob("*.po")} == set(LANGUAGES) - {"en"}


def test_every_language_can_be_set() -> None:
    choices = get_args(ScreenSettings.model_fields["language"].annotation)
    assert choices == ("", *LANGUAGES)  # empty: the locale's


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_a_locales(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}_XX.UTF-8")
    assert language_of_locale() == language


def test_japanese_has_one_word_for_one_thing() -> None:
    said = [*read_catalogue("ja").values(), *(page.read_text("utf-8") for page in JAPANESE_PAGES)]
    assert len(said) > 150
    for word in ONE_WORD:
        assert [text for text in said if word in text] == [], ONE_WORD[word]


def test_japanese_tells_a_jobs_fee_from_a_days_reward_and_from_what_transactions_cost() -> None:
    """A job's fee is 報酬, the day's reward 報奨, and what a transaction costs 手数料."""
    for text, said in read_catalogue("ja").items():
        if re.search(r"\brewards?\b", text) and not re.search(r"\bfees?\b", text):
            assert "報酬" not in said, text
        if "reward" not in text:
            assert "報奨" not in said or "withdraw" in text, text
        if "fee_wei" in text or "fee in EMT" in text:
            assert "手数料" not in said, text


def test_japanese_spells_epoch_in_japanese() -> None:
    typed = re.compile(r"`[^`]*`|\{\w*\}")
    said = [text for text in read_catalogue("ja").values() if "epoch" in typed.sub("", text).lower()]
    assert said == []
