"""What to do about every event of trouble and every exit code: in the program, and on the operators' page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from emeth_tui.alerts import rules
from emeth_tui.alerts.alert import Message, alert_of
from emeth_tui.alerts.texts import body_of
from emeth_tui.cli.main import command
from emeth_tui.errors import ExitCode
from emeth_tui.listings import making
from emeth_tui.model import AlertTopic, JobId, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events import job, market, node
from emeth_tui.notices.notice import EventBody, Notice, Reason, all_kinds
from emeth_tui.notices.reasons.disk import CacheFull, NoRoomToWrite
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import ClaimingPaused, PausedByOperator, StateDamaged
from emeth_tui.settings import Network
from emeth_tui.settings.schema import fields_by_key
from emeth_tui.tui.panels.events import event_line
from emeth_tui.words.remedies import TROUBLE, remedy_for, remedy_of
from emeth_tui.words.translation import _, in_language
from tests.words.japanese import english_in
from tests.words.test_sentences import fields_of
from tools import exit_codes, trouble

EVENTS = all_kinds(EventBody).values()
REASONS = all_kinds(Reason).values()
OF_TROUBLE = [cls for cls in EVENTS if cls.severity in TROUBLE]  # type: ignore[attr-defined]
ON_PAGE = [cls for group in trouble.GROUPS.values() for cls in group]
WITH_REMEDY = [cls for cls in (*EVENTS, *REASONS) if remedy_for(cls) is not None]
REMEDIES = {remedy_for(cls) or "": None for cls in WITH_REMEDY}
# What a remedy says that looks like a setting and is none.
_NO_SETTINGS = {"hosts.json"}
_VALUES = {"warning", "open"}  # of options


@pytest.mark.parametrize("cls", OF_TROUBLE, ids=lambda cls: cls.kind)
def test_every_event_of_trouble_has_a_remedy(cls: type[Notice]) -> None:
    assert remedy_for(cls), "REMEDIES stands beside SENTENCES"


@pytest.mark.parametrize("cls", rules._REASONS, ids=lambda cls: cls.kind)
def test_every_reason_that_alerts_go_by_has_a_remedy(cls: type[Notice]) -> None:
    assert remedy_for(cls)


def test_the_page_lists_everything_that_has_a_remedy_once() -> None:
    assert sorted(cls.kind for cls in ON_PAGE) == sorted(cls.kind for cls in WITH_REMEDY)


@pytest.mark.parametrize("page", trouble.PAGES, ids=lambda page: page.language)
def test_the_page_is_the_programs_words(page: trouble.Page) -> None:
    """`python -m tools.trouble` writes it."""
    text = page.path.read_text("utf-8")
    assert trouble.with_tables(page, text) == text
    assert set(page.groups) == set(trouble.GROUPS)


@pytest.mark.parametrize("page", trouble.PAGES, ids=lambda page: page.language)
def test_the_page_has_every_exit_code(page: trouble.Page) -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| [^|]+ \|$", page.path.read_text("utf-8"), re.MULTILINE)
    assert [int(code) for code in rows] == [code for code in ExitCode if code is not ExitCode.OK]
    assert list(exit_codes.SAID) == [code for code in ExitCode if code is not ExitCode.OK]


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_remedy_is_plain_words_in_both_languages(remedy: str) -> None:
    assert fields_of(remedy) == set()
    with in_language("ja"):
        translated = _(remedy)
    assert sorted(re.findall(r"`[^`]*`", translated)) == sorted(re.findall(r"`[^`]*`", remedy))
    assert english_in(translated) == set()


def said() -> Iterator[str]:
    yield from REMEDIES
    for entry in exit_codes.SAID.values():
        yield entry.remedy
        yield entry.remedy_ja
    with in_language("ja"):
        yield from [_(remedy) for remedy in REMEDIES]


@pytest.mark.parametrize("remedy", list(said()))
def test_commands_and_settings_in_a_remedy_exist(remedy: str) -> None:
    for typed in re.findall(r"`emeth-tui ([^`]+)`", remedy):
        if "COMMAND" not in typed:
            assert_typed(typed.split())
    known = set(fields_by_key())
    plain = re.sub(r"`emeth-tui [^`]+`", "", remedy)
    assert set(re.findall(r"(?<![\w./])[a-z]+\.[a-z_]+", plain)) - known - _NO_SETTINGS == set()
    named = set(re.findall(r"(?<![\w./-])[a-z]+(?:_[a-z]+)+", re.sub(r"[a-z]+\.[a-z_]+", "", plain)))
    assert named - set(Network.model_fields) == set()


def assert_typed(words: list[str]) -> None:
    """Check a command line against the commands and the options that there are."""
    entry: click.Command = command
    known = {name for option in command.params for name in option.opts}
    for word in words:
        if isinstance(entry, click.Group) and word in entry.commands:
            entry = entry.commands[word]
            known |= {name for option in entry.params for name in option.opts}
        elif word.startswith("--"):
            assert word in known, words
        else:
            assert word.isupper() or word in _VALUES, words
    assert entry is not command, words


def event(body: EventBody, severity: Severity | None = None) -> Event:
    return Event(0.0, severity or body.severity, body, JobId("0x" + "6f" * 16))


def test_the_innermost_reason_knows_best() -> None:
    paused = market.ClaimsPaused(StateDamaged("/state/node.db"))  # type: ignore[arg-type]
    assert remedy_of(event(paused)) == remedy_for(StateDamaged)

    deep = market.Idle(ClaimingPaused(CacheFull(0, 1, 2)))
    assert remedy_of(event(deep)) == remedy_for(CacheFull)

    unknown = job.JobTrouble(Foreign("connection refused"))
    assert remedy_of(event(unknown)) == remedy_for(job.JobTrouble)


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert remedy_of(event(market.Idle(ClaimingPaused(PausedByOperator())))) is None
    assert remedy_of(event(job.Submitted())) is None


def test_a_summary_has_a_remedy_only_where_it_does_not_add_up() -> None:
    summary = node.Summary(0, {}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {}, 5, False)
    assert remedy_of(event(summary)) is None
    assert remedy_of(event(summary, Severity.WARNING)) == remedy_for(node.Summary)


def test_a_record_of_an_event_says_what_to_do_in_english() -> None:
    with in_language("ja"):
        record = making.event(event(job.RunningLate(1, 2, 3)))
    assert record.remedy == remedy_for(job.RunningLate)
    assert making.event(event(job.JobResumed(None))).remedy is None


def test_a_single_alert_says_what_to_do_in_the_owners_language() -> None:
    full = node.NotWritten(NoRoomToWrite("/cache"))  # type: ignore[arg-type]
    with in_language("ja"):
        alert = alert_of(event(full), AlertTopic.DISK)
        assert body_of(Message("1", (alert,))).endswith(f"\n→ {_(remedy_for(NoRoomToWrite) or '')}")
        assert "→" not in body_of(Message("2", (alert, alert)))


def test_the_mouse_on_an_event_says_what_to_do() -> None:
    assert event_line(event(job.RunningLate(1, 2, 3)), 80).tip.endswith(f"\n{remedy_for(job.RunningLate)}")
    assert "\n" not in event_line(event(job.Submitted()), 80).tip
