"""What goes wrong in the node's loops is reported once while it lasts, and again when it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from emeth_tui.engine.events import EventLog
from emeth_tui.engine.loops import GONE_AFTER_S, Loops
from emeth_tui.errors import DiskFull
from emeth_tui.notices.events.node import InternalError, NotWritten
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.disk import DatabaseFull
from emeth_tui.store.database import Store

FULL, VERY_FULL = DiskFull(DatabaseFull("full")), DiskFull(DatabaseFull("very full"))
BUG = KeyError("bug")


class Plan:
    """Work that goes as planned, turn after turn, and then goes on well. A number is so many good seconds."""

    def __init__(self, *outcomes: Exception | float) -> None:
        self._outcomes = list(outcomes)
        self.is_done = asyncio.Event()
        self.waited_s = 0.0

    async def work(self) -> None:
        if not self._outcomes:
            self.is_done.set()
            return
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        self.waited_s += outcome


def published(tmp_path: Path, *plans: Plan) -> Sequence[EventBody]:
    """Return what is published while plans are carried out, each in a loop."""

    async def carry_out(loops: Loops) -> None:
        tasks = [loops.start(plan.work, lambda: 0.0) for plan in plans]
        with anyio.fail_after(30.0):
            for plan in plans:
                await plan.is_done.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with Store(tmp_path) as store:
        events = EventLog(store.events, lambda: 0.0)
        asyncio.run(carry_out(Loops(events, lambda: sum(plan.waited_s for plan in plans))))
        return [event.body for event in events.recent()]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([FULL, FULL, 60.0, FULL], [NotWritten(FULL.reason)]),
        ([FULL, GONE_AFTER_S, FULL], [NotWritten(FULL.reason)] * 2),
        ([FULL, VERY_FULL, FULL], [NotWritten(FULL.reason), NotWritten(VERY_FULL.reason)]),
        ([BUG, BUG, GONE_AFTER_S, BUG], [InternalError("Plan.work", "KeyError('bug')")] * 2),
    ],
)
def test_trouble_is_reported_once_while_it_lasts_and_again_when_it_comes_back(
    tmp_path: Path, outcomes: Sequence[Exception | float], expected: Sequence[EventBody]
) -> None:
    assert published(tmp_path, Plan(*outcomes)) == expected


def test_what_several_loops_meet_is_reported_once(tmp_path: Path) -> None:
    plans = Plan(FULL, FULL), Plan(FULL, FULL, VERY_FULL), Plan(FULL, VERY_FULL)

    assert published(tmp_path, *plans) == [NotWritten(FULL.reason), NotWritten(VERY_FULL.reason)]


def test_each_job_whose_task_a_bug_ends_is_reported(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        events = EventLog(store.events, lambda: 0.0)
        loops = Loops(events)
        loops.report_internal_error("one job", BUG)
        loops.report_internal_error("another job", BUG)

        assert [event.body for event in events.recent()] == [
            InternalError("one job", "KeyError('bug')"),
            InternalError("another job", "KeyError('bug')"),
        ]
