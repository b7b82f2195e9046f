"""What GPUs do by themselves becomes one event, and one when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.engine.events import EventLog
from emeth_tui.engine.gpus.reading import GpuReading, Slowdown
from emeth_tui.engine.gpus.reports import XID_AGAIN_S, GpuReports, remedy_of
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.notices.events import devices as events
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.training import gpu as why
from emeth_tui.store.database import Store


class Watched:
    """GPU reports, and what they published."""

    def __init__(self, store: Store) -> None:
        self._log = EventLog(store.events, lambda: 0.0)
        self._reports = GpuReports(self._log)

    def see(self, at_s: float, slowdown: Slowdown | None = None, *xids: int, lost: bool = False) -> None:
        reading = GpuReading("cuda:0", 97, 8, 71, 251.0, slowdown=slowdown, lost=lost, xids=xids)
        self._reports.take(Sample(at_s, (reading,)))

    @property
    def said(self) -> list[EventBody]:
        return [event.body for event in self._log.recent()]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Store(tmp_path) as store:
        yield Watched(store)


def test_a_gpu_that_stays_slow_is_an_event_and_one_when_it_is_fast_again(watched: Watched) -> None:
    for second in range(0, 12, 2):
        watched.see(second, Slowdown.HEAT)
    assert watched.said == [events.GpuSlowed("cuda:0", why.TooHot())]
    for second in range(12, 80, 2):
        watched.see(second)

    assert watched.said[1:] == [events.GpuAtFullSpeed("cuda:0", 2)]


def test_a_moment_of_slowness_is_none(watched: Watched) -> None:
    for second in range(0, 100, 2):
        watched.see(second, Slowdown.HEAT if second % 8 else None)
    assert watched.said == []


def test_a_lost_gpu_is_said_once_and_again_when_it_is_back(watched: Watched) -> None:
    for second, lost in enumerate((False, True, True, False, False)):
        watched.see(second, lost=lost)
    assert watched.said == [events.GpuLost("cuda:0"), events.GpuBack("cuda:0")]


def test_the_same_error_is_said_once_an_hour(watched: Watched) -> None:
    watched.see(0, None, 31, 31, 79)
    watched.see(2, None, 31)
    watched.see(XID_AGAIN_S, None, 31)

    assert watched.said == [
        events.GpuReportsError("cuda:0", 31, why.FaultOfProgram()),
        events.GpuReportsError("cuda:0", 79, why.FaultOfBus()),
        events.GpuReportsError("cuda:0", 31, why.FaultOfProgram()),
    ]


def test_every_error_has_a_remedy() -> None:
    assert remedy_of(48) == why.FaultOfMemory()
    assert remedy_of(119) == why.FaultOfFirmware()
    assert remedy_of(9_999) == why.FaultUnknown()
