"""The catalogues hold every text of the interface, with the same fields to fill in."""

from __future__ import annotations

import ast
import os
import string
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

import emeth_tui.cli
import emeth_tui.listings
import emeth_tui.tui
import emeth_tui.words
from emeth_tui.notices.notice import EventBody, Reason, all_kinds
from emeth_tui.settings import Network
from emeth_tui.settings.schema import fields_by_key
from emeth_tui.tui.actions import ACTIONS
from emeth_tui.tui.drawing.themes import load_themes
from emeth_tui.words.remedies import remedy_for
from emeth_tui.words.sentences import template
from emeth_tui.words.translation import (
    LANGUAGES,
    _,
    language_of_locale,
    parse_po,
    read_catalogue,
    set_language,
)

SOURCES = sorted(
    path
    for package in (emeth_tui.cli, emeth_tui.listings, emeth_tui.tui, emeth_tui.words)
    for folder in package.__path__
    for path in Path(folder).rglob("*.py")
)


def marked_texts() -> Iterator[str]:
    """Every text in the source that goes through `_`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                (argument,) = node.args
                if isinstance(argument, ast.Constant):
                    yield argument.value
    yield from (text for action in ACTIONS for text in action.texts)
    yield from (theme.title for theme in load_themes(Path(os.devnull)).values())
    yield from templates()
    yield from remedies()
    yield from (field.description or "" for field in fields_by_key().values())
    yield from (field.description for field in Network.model_fields.values() if field.description)


def templates() -> Iterator[str]:
    """Every sentence of a reason or an event."""
    for family in (Reason, EventBody):
        yield from (template(kind) for kind in all_kinds(family).values())


def remedies() -> Iterator[str]:
    """What to do about each of them that has a remedy."""
    for family in (Reason, EventBody):
        yield from (remedy for kind in all_kinds(family).values() if (remedy := remedy_for(kind)))


def fields_of(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_the_catalogue_is_complete_and_holds_nothing_else(language: str) -> None:
    catalogue = read_catalogue(language)
    texts = set(marked_texts())
    assert len(texts) > 150
    assert sorted(texts - set(catalogue)) == []
    assert sorted(set(catalogue) - texts) == []


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_the_catalogue_translates_each_text_once(language: str) -> None:
    source = (resources.files("emeth_tui.words") / "locale" / f"{language}.po").read_text("utf-8")
    entries = sum(line.startswith("msgid ") for line in source.splitlines())
    assert entries - 1 == len(read_catalogue(language))  # the header's is empty


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_translations_use_the_fields_that_there_are(language: str) -> None:
    for text, translated in read_catalogue(language).items():
        assert fields_of(translated) == fields_of(text), text


def test_a_language_is_spoken_once_it_is_set() -> None:
    set_language("ja")
    assert _("Workers") == "ワーカー"
    set_language("xx")
    assert _("Workers") == "Workers"


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "ja_JP"}, "ja"),
    ],
)
def test_the_locale_chooses(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language_of_locale() == language


def test_po_files_may_break_texts_over_lines() -> None:
    source = '# comment\nmsgid ""\nmsgstr "Language: ja"\n\nmsgid "a "\n"b"\nmsgstr "c "\n"\\"d\\""\n'
    assert parse_po(source) == {"a b": 'c "d"'}
