"""The catalogues hold every text of the interface, with the same fields to fill in."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import emeth_tui.tui
import emeth_tui.words
from emeth_tui.engine.disk import DiskBudget
from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.market.rules import ClaimRules, judge
from emeth_tui.model import JobState, token_to_wei
from emeth_tui.settings import Network
from emeth_tui.settings.schema import fields_by_key
from emeth_tui.tui.actions import ACTIONS
from emeth_tui.words.events import TEMPLATES, event_text
from emeth_tui.words.reasons import SENTENCES, reason_text
from emeth_tui.words.translation import (
    LANGUAGES,
    _,
    language_of_locale,
    parse_po,
    read_catalogue,
    set_language,
)
from tests.tui.stand_in import EVENTS

SOURCES = sorted(
    path
    for package in (emeth_tui.tui, emeth_tui.words)
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
    yield from TEMPLATES.values()
    yield from (field.description or "" for field in fields_by_key().values())
    yield from (field.description for field in Network.model_fields.values() if field.description)
    yield from SENTENCES.values()


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
def test_translations_use_the_fields_that_there_are(language: str) -> None:
    # An event's template may leave a field out: a sentence may not need it.
    for text, translated in read_catalogue(language).items():
        assert fields_of(translated) <= fields_of(text), text
        if text not in TEMPLATES.values():
            assert fields_of(translated) == fields_of(text), text


def test_a_language_is_spoken_once_it_is_set() -> None:
    set_language("ja")
    assert _("Workers") == "ワーカー"
    set_language("xx")
    assert _("Workers") == "Workers"


def test_reasons_are_told_in_the_language_one_inside_the_other() -> None:
    set_language("ja")
    reason = "3 on offer, none more taken: its fee of 45.00 EMT is over 30.00"
    assert reason_text(reason) == "募集 3 件、受注なし: 報酬 45.00 EMT が上限 30.00 を超過"
    assert reason_text("something new") == "something new"


@pytest.mark.parametrize(
    "wrong",
    [
        {"fee_wei": 1},
        {"fee_wei": token_to_wei(99)},
        {"dataset_bytes": 9},
        {"dataset_bytes": 10**9},
        {"deadline_unix_s": 1_000},
    ],
)
@pytest.mark.parametrize(("margin_s", "measured"), [(60, True), (0, False)])
def test_the_engines_refusals_are_known_here(wrong: dict[str, int], margin_s: int, measured: bool) -> None:
    rules = ClaimRules(token_to_wei(10), token_to_wei(30), 4_096, 200_000_000, margin_s)
    facts = {"fee_wei": token_to_wei(20), "dataset_bytes": 8_192, "deadline_unix_s": 10_000, **wrong}
    reason = judge(**facts, needed=Duration(50.0, 60.0, 1_070.0, measured), rules=rules, now_unix_s=1_000.0)
    assert reason
    set_language("ja")
    assert not set("abcdfghijklnoqruvwxyz") & set(reason_text(reason))  # but EMT, s and the like


def test_the_disks_refusals_are_known_here(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path / "jobs", limit_bytes=10**18)
    set_language("ja")
    for needed_bytes in (10**19, 10**17):
        reason = budget.refusal(needed_bytes, [])
        assert reason
        assert reason_text(reason) != reason


def test_events_are_told_in_the_language_by_kind_and_data() -> None:
    set_language("ja")
    assert event_text(EVENTS[-1]) == "エポック 12/30 完了（63.1 秒）、検証損失 2.630"
    lost = replace(EVENTS[3], data={"link": "storage", "error": "connection refused"})
    assert event_text(lost) == "ストレージが応答しません: connection refused。応答するまで再試行します"
    assert event_text(EVENTS[3]) == EVENTS[3].text  # of an older version, without its data


def test_a_claim_that_was_not_made_says_why_in_the_language() -> None:
    set_language("ja")
    lost = replace(EVENTS[0], kind="claim_lost", data={"reason": "the chain does not know it"})
    assert event_text(lost) == "受注を見送りました: チェーンに存在しません。費用はかかっていません"
    assert event_text(replace(lost, data={"reason": ""})) == _(TEMPLATES["claim_lost"])


def published_events() -> Iterator[tuple[str, set[str]]]:
    """Every kind that the engine publishes in so many words, with the names of its data."""
    for path in sorted(Path(emeth_tui.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "publish" and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value, {word.arg for word in node.keywords if word.arg}


def test_every_event_that_the_engine_tells_has_words() -> None:
    published = list(published_events())
    assert len(published) > 25
    assert {kind for kind, _names in published} - set(TEMPLATES) == set()
    ends = {state.value for state in JobState if state.is_final and state is not JobState.VERIFIED}
    assert ends <= set(TEMPLATES)


@pytest.mark.parametrize(("kind", "names"), sorted((k, sorted(n)) for k, n in published_events()))
def test_what_an_events_words_tell_is_in_its_data(kind: str, names: list[str]) -> None:
    if kind == "summary":
        return  # its data come from the account as a whole
    renamed = {"dataset_bytes": "dataset", "size_bytes": "size"}
    given = {renamed.get(name, name.removesuffix("_wei")) for name in names}
    for template in (TEMPLATES[kind], read_catalogue("ja")[TEMPLATES[kind]]):
        assert fields_of(template) <= given


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
