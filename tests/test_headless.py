"""Lines for people and for machines; a reader that leaves does not stop the node."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
from typing import Literal

import pytest

from emeth_tui import headless
from emeth_tui.engine.money.summary import Summary
from emeth_tui.errors import ExitCode
from emeth_tui.headless import LinePrinter, format_json, format_text
from emeth_tui.model import JobState, Severity, token_to_wei
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import JobStuck, StepsSkipped
from emeth_tui.notices.events.node import InternalError, Stopped
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.words.summary import summary_lines
from emeth_tui.words.translation import set_language
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job
from tests.tui.stand_in import StandInNode

EVENT = Event(
    1_800_000_000.25,
    Severity.WARNING,
    JobStuck(JobState.TRAINING, Foreign("the disk broke"), 20 * 10**18, 30 * 10**18),
    JOB_ID,
)


def test_json_begins_with_the_promised_keys_and_keeps_wei_whole() -> None:
    record = json.loads(format_json(EVENT))

    assert list(record)[:4] == ["ts", "level", "event", "job_id"]
    assert record["ts"] == "2027-01-15T08:00:00.250Z"
    assert (record["level"], record["event"], record["job_id"]) == ("warning", "job_stuck", JOB_ID)
    assert record["penalty_wei"] == "20000000000000000000"
    assert record["state"] == "training"
    assert record["reason"] == {"kind": "foreign", "detail": "the disk broke"}


def test_json_without_a_job_has_no_job_id() -> None:
    assert "job_id" not in json.loads(format_json(Event(0.0, Severity.INFO, Stopped())))


def test_json_is_one_line_whatever_the_text_holds() -> None:
    hostile = Event(0.0, Severity.INFO, InternalError("a\nb", "two\nlines \u2028 日本 \x1b[0m"))

    assert len(format_json(hostile).splitlines()) == 1
    assert len(format_text(hostile).splitlines()) == 1
    assert json.loads(format_json(hostile))["detail"] == "two lines 日本 ?[0m"


def test_text_shows_utc_job_and_severity() -> None:
    assert format_text(EVENT) == (
        "2027-01-15 08:00:00Z  6f2a…2a  warning: cannot go on: the disk broke; "
        "declining it costs 20.00 EMT, letting it time out 30.00 EMT"
    )


class Lines:
    """Keeps what a `LineWriter` would write."""

    def __init__(self, *, speaks_unicode: bool = True) -> None:
        self.lines: list[str] = []
        self.speaks_unicode = speaks_unicode

    def write(self, line: str) -> None:
        self.lines.append(line)


def printed(log_format: Literal["text", "json"], level: Severity, *events: Event, **kind: bool) -> list[str]:
    output = Lines(**kind)
    printer = LinePrinter(output, log_format, level)  # type: ignore[arg-type]
    for event in events:
        printer.print(event)
    return output.lines


def test_less_severe_events_are_not_printed() -> None:
    lines = printed("text", Severity.WARNING, Event(0.0, Severity.INFO, StepsSkipped(2)), EVENT)

    assert lines == [format_text(EVENT)]


def test_json_for_an_output_that_is_not_unicode_is_ascii_and_says_the_same() -> None:
    event = Event(0.0, Severity.ERROR, InternalError("é", "日本 😀 …"))

    (for_utf_8,) = printed("json", Severity.INFO, event)
    (for_others,) = printed("json", Severity.INFO, event, speaks_unicode=False)

    assert "日本 😀 …" in for_utf_8
    assert for_others.isascii()
    assert json.loads(for_others) == json.loads(for_utf_8)


def test_the_account_adds_up_or_says_that_it_does_not() -> None:
    verified = make_job(state=JobState.VERIFIED, epochs_done=30, gas=5)
    timed_out = make_job(job_id=OTHER_JOB_ID, state=JobState.TIMEOUT, epochs_done=3)
    summary = Summary(
        jobs=(verified, timed_out),
        share=SlotShare(slot=20_000, own_gas=5, own_balance=5, total_gas=20, reward_wei=token_to_wei(1_000)),
        emt_before_wei=token_to_wei(200),
        emt_after_wei=token_to_wei(185),
        earned_wei=token_to_wei(10),
        lost_wei=token_to_wei(6),
        withdrawn_wei=0,
        others_wei={"0xabc": token_to_wei(1)},
        requested_wei=-token_to_wei(20),
    )

    lines = "\n".join(summary_lines(summary.as_event()))

    assert summary.adds_up
    assert (summary.verified, summary.epochs, summary.gas) == (1, 33, 5)
    assert "1 verified, 1 timed out" in lines
    assert "5 of 20 gas today, 25.00 %, 250.00 EMT so far" in lines
    account = "-15.00 = earned 10.00 - lost 6.00 + rewards 0.00 - requests 20.00 + other 1.00"
    assert f"{account}; adds up to the wei" in lines
    assert "1.00 EMT in transaction 0xabc" in lines
    off_by_one = Summary(
        **{**{name: getattr(summary, name) for name in summary.__slots__}, "withdrawn_wei": 1}
    )
    assert not off_by_one.adds_up
    lines = "\n".join(summary_lines(off_by_one.as_event()))
    assert "-0.000000000000000001 EMT that no transfer of the token shows" in lines
    assert "adds up" not in lines


async def test_one_signal_that_comes_twice_saves_and_a_later_one_leaves_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    node = StandInNode()
    left: list[int] = []
    monkeypatch.setattr(headless.os, "_exit", left.append)
    monkeypatch.setattr(headless, "ONE_SIGNAL_S", math.inf)
    headless.handle_signals(node)  # type: ignore[arg-type]
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # by way of the whole process group
        await _signals_are_handled()
        assert (node.calls, left) == ([("begin_to_stop", None)], [])
        monkeypatch.setattr(headless, "ONE_SIGNAL_S", 0.0)
        os.kill(os.getpid(), signal.SIGINT)
        await _signals_are_handled()
        assert (node.calls, left) == ([("begin_to_stop", None)], [ExitCode.INTERRUPTED])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _signals_are_handled() -> None:
    """A signal that comes after those is handled after them."""
    handled = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, handled.set)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        await handled.wait()
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


def test_the_account_is_in_the_language_of_the_screen() -> None:
    summary = Summary(
        jobs=(),
        share=SlotShare(slot=20_000, own_gas=0, own_balance=0, total_gas=0, reward_wei=0),
        emt_before_wei=token_to_wei(200),
        emt_after_wei=token_to_wei(201),
        earned_wei=0,
        lost_wei=0,
        withdrawn_wei=0,
    )
    set_language("ja")
    try:
        lines = summary_lines(summary.as_event())
    finally:
        set_language("en")
    assert lines[0].split() == ["ジョブ", "終了なし"]
    assert lines[-1].startswith("不明")
