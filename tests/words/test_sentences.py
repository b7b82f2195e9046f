"""Every reason and every event has its sentence, in each language, and shows each field as people read it."""

from __future__ import annotations

import ast
import json
import math
import re
import string
import types
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import emeth_tui
from emeth_tui.errors import EmethError, JobError
from emeth_tui.model import AskedAt, Asker, JobState, ServiceName
from emeth_tui.notices.events.job import EpochDone, JobStuck
from emeth_tui.notices.events.node import ServiceLost, Stopped
from emeth_tui.notices.notice import EventBody, Notice, Reason, UnknownReason, all_kinds, from_data, to_data
from emeth_tui.notices.reasons.disk import CacheFull
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import FeeTooHigh, MissesMargin, NoneTaken, NoOffers, TimeMeasured
from emeth_tui.notices.reasons.network.exchange import AnswerTooSlow
from emeth_tui.notices.reasons.training.run import TrainingDiverged, TrainingLossIs
from emeth_tui.notices.reasons.worker import StepsNotApplied
from emeth_tui.words.sentences import english, template, text_of
from emeth_tui.words.translation import read_catalogue, set_language
from tests.words.japanese import english_in

NOTICES = [cls for family in (Reason, EventBody) for cls in all_kinds(family).values()]
# Tested by the module: a test for each class would take pytest longer than what it tests.
MODULES: dict[str, list[type[Notice]]] = {}
for notice in NOTICES:
    MODULES.setdefault(notice.__module__.removeprefix("emeth_tui.notices."), []).append(notice)
of_each_module = pytest.mark.parametrize("classes", MODULES.values(), ids=MODULES)
SOURCE = Path(emeth_tui.__file__).parent
COUNTED = "cores|entries|epochs|GPUs|hosts|jobs|messages|parts|steps|transactions|URLs"  # of which one may be


def example(annotation: Any, name: str, number: int = 7) -> object:
    """Make a value for a field; text is made of characters that no sentence of ours holds."""
    if typing.get_origin(annotation) is typing.Annotated:
        return example(typing.get_args(annotation)[0], name, number)
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return example(typing.get_args(annotation)[0], name, number)
    if typing.get_origin(annotation) is dict:
        return {}
    if typing.get_origin(annotation) is tuple:
        return ("1234",)
    if isinstance(annotation, type) and issubclass(annotation, Reason):
        return NoOffers()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    if annotation is Asker:
        return Asker(AskedAt.COMMAND_LINE, 7, "1234")
    if annotation is bool:
        return True
    if annotation in {int, float}:
        return annotation(number)
    if annotation is Path:
        return Path("/1/2")
    assert annotation is str or getattr(annotation, "__supertype__", None) is str, (annotation, name)
    return "1234"


def instance(cls: type[Notice], number: int = 7) -> Notice:
    hints = typing.get_type_hints(cls, include_extras=True)
    return cls(**{name: example(hints[name], name, number) for name in cls.__struct_fields__})


def fields_of(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_there_are_many_notices() -> None:
    assert len(NOTICES) > 90


def test_equality_says_whether_a_reason_has_changed() -> None:
    assert FeeTooHigh(2, 1) == FeeTooHigh(2, 1) != FeeTooHigh(3, 1)
    assert len({FeeTooHigh(2, 1), FeeTooHigh(2, 1), FeeTooHigh(3, 1), NoOffers(), NoOffers()}) == 3
    assert Foreign("x") != UnknownReason("x", "")


def test_a_notice_cannot_be_changed() -> None:
    reason = Foreign("connection refused")
    with pytest.raises(AttributeError):
        reason.detail = "something else"  # type: ignore[misc]


def test_no_two_classes_of_a_family_have_the_same_name() -> None:
    with pytest.raises(TypeError, match=r"reasons\.foreign and .* both have a Foreign"):
        type("Foreign", (Reason,), {})
    assert Reason.kinds["foreign"] is Foreign


@of_each_module
def test_sentences_use_the_fields_that_there_are_and_stand_beside_their_classes(
    classes: list[type[Notice]],
) -> None:
    words = import_module(classes[0].__module__.replace(".notices.", ".words."))
    for cls in classes:
        assert fields_of(template(cls)) <= set(cls.__struct_fields__), cls
        assert cls in words.SENTENCES, cls


@of_each_module
def test_notices_are_read_as_they_were_written(classes: list[type[Notice]]) -> None:
    for cls in classes:
        written = instance(cls)
        family = Reason if issubclass(cls, Reason) else EventBody
        assert from_data(family, to_data(written)) == written


@of_each_module
def test_no_english_of_ours_is_left_in_japanese(classes: list[type[Notice]]) -> None:
    set_language("ja")
    for cls in classes:
        shown = text_of(instance(cls))
        assert english_in(shown) == set(), shown


def test_no_sentence_is_without_its_class() -> None:
    for path in (SOURCE / "words").rglob("*.py"):
        if "SENTENCES" in path.read_text("utf-8"):
            name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
            if name != "emeth_tui.words.sentences":
                assert set(import_module(name).SENTENCES) <= set(NOTICES), name


def test_sentences_are_said_in_the_language_one_inside_the_other() -> None:
    set_language("ja")
    emt = 10**18
    reason = NoneTaken(3, FeeTooHigh(45 * emt, 30 * emt))
    assert text_of(reason) == "募集 3 件、受注なし: 報酬 45.00 EMT が上限 30.00 EMT を超過"
    assert text_of(EpochDone(12, 30, 63.1, 2.5, 2.63)) == "エポック 12/30 完了（63.1 秒）、検証損失 2.630"
    lost = ServiceLost(ServiceName.STORAGE, Foreign("connection refused"))
    assert text_of(lost) == "ストレージが応答しません: connection refused。応答するまで再試行します"


def test_logs_are_english_whatever_the_interface_speaks() -> None:
    set_language("ja")
    reason = MissesMargin(3_000, TimeMeasured(40, 5_000))
    said = "it would miss its deadline's safety margin by 50 min: it needs 40 s to 1 h 23, as measured here"
    assert english(reason) == said
    assert str(JobError(reason)) == said
    stuck = JobStuck(JobState.TRAINING, CacheFull(0, 10**9, 2 * 10**9), 0, 0)
    assert english(stuck).startswith("cannot go on: the cache has room for 0 B of its 1.0 GB")
    assert "学習" not in english(stuck)
    assert text_of(Stopped()) == read_catalogue("ja")["stopped; every job is saved"]


def test_foreign_text_is_one_bounded_printable_line() -> None:
    reason = Foreign("a\n\x1b[31mb" + "x" * 10_000)
    assert reason.detail.startswith("a ?[31mbx")
    assert len(reason.detail) == 500


class SourceCall(NamedTuple):
    """A call in the program's source."""

    path: Path
    line: int
    name: str
    has_text: bool  # among its arguments
    has_phrase: bool  # a text of two words or more among them


@cache
def calls() -> Sequence[SourceCall]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                has_text = any(is_text(argument) for argument in node.args)
                has_phrase = any(is_phrase(argument) for argument in given)
                found.append(SourceCall(path.relative_to(SOURCE), node.lineno, name, has_text, has_phrase))
    return found


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def is_phrase(node: ast.expr) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = [part.value if isinstance(part, ast.Constant) else "x" for part in parts]
    return is_text(node) and re.search(r"[a-z]{2,} [a-z]", "".join(map(str, texts))) is not None


def test_no_notice_is_given_words_of_ours() -> None:
    names = {"ForeignText", "one_line", *(cls.__name__ for cls in NOTICES)}
    made = [call for call in calls() if call.name in names]
    assert len(made) > 500
    assert [call for call in made if call.has_phrase] == []


def test_no_event_is_published_as_text() -> None:
    published = [call for call in calls() if call.name == "publish"]
    assert len(published) > 25
    assert [call for call in published if call.has_text] == []


def test_no_error_carries_a_text() -> None:
    kinds = {cls.__name__ for cls in subclasses(EmethError)}
    raised = [call for call in calls() if call.name in kinds]
    assert len(raised) > 150
    assert [call for call in raised if call.has_text] == []


def subclasses(cls: type[EmethError]) -> Iterator[type[EmethError]]:
    for below in cls.__subclasses__():
        yield below
        yield from subclasses(below)


def test_reasons_one_in_the_other_without_end_are_not_read() -> None:
    data: dict[str, object] = {"kind": "no_offers"}
    for _level in range(5_000):
        data = {"kind": "claiming_paused", "cause": data}
    assert from_data(Reason, data) == UnknownReason("claiming_paused", "…")


@pytest.mark.parametrize(
    ("seconds", "said"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan"), (10**100, "?")]
)
def test_a_number_that_nobody_means_is_said_all_the_same(seconds: float, said: str) -> None:
    """A worker or another node's socket may send any."""
    assert english(AnswerTooSlow("http://x", seconds)).endswith(f"not done after {said}")


@pytest.mark.parametrize(
    ("steps", "said"), [(1, "1 step skipped"), (2, "2 steps skipped"), (10**100, "? steps skipped")]
)
def test_a_count_has_the_noun_that_fits(steps: int, said: str) -> None:
    assert english(StepsNotApplied(steps)).startswith(said)


@of_each_module
def test_one_of_something_is_not_shown_as_several(classes: list[type[Notice]]) -> None:
    for cls in classes:
        said = english(instance(cls, 1))
        assert re.search(rf"(?<![\w.])1 (pending )?({COUNTED})\b", said) is None, said


@pytest.mark.parametrize("loss", [math.inf, -math.inf])
def test_a_number_that_json_lacks_survives_the_way_there_and_back(loss: float) -> None:
    reason = TrainingDiverged(3, TrainingLossIs(loss))
    written = json.dumps(to_data(reason), allow_nan=False)
    assert from_data(Reason, json.loads(written)) == reason
