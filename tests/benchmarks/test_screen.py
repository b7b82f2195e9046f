"""The screen's benchmark on a small scale: every figure is there, and goals are held against them."""

from __future__ import annotations

import pytest

from benchmarks.screen import measuring
from benchmarks.screen.command import report
from benchmarks.screen.measuring import ScreenSetup, measure
from benchmarks.screen.snapshot import measure_snapshot

pytestmark = pytest.mark.slow


def test_every_budget_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SIZES", ((80, 24),))
    monkeypatch.setattr(measuring, "MONITORS", ())
    monkeypatch.setattr(measuring, "EVENTS", 100)
    monkeypatch.setattr(measuring, "_SETTLE_S", 0.5)
    told: list[str] = []

    result = measure(ScreenSetup(seconds=1, workers=2, starts=1, keys=1), told.append)

    ours, bare = result.running
    assert (ours.program, bare.program) == ("emeth-tui", "bare Textual")
    assert ours.output_bytes_per_s > bare.output_bytes_per_s > 0
    goals = report(result, measure_snapshot(pictures=2)).goals
    assert len(goals) == 7
    assert all(goal.measured is not None for goal in goals)
    assert len(told) == 3
