"""The screen's benchmark on a small scale: every figure is there, and is checked against its goal."""

from __future__ import annotations

import pytest

from benchmarks.screen import measuring
from benchmarks.screen.command import IMPORTS_BEFORE_OF_BARE, goals, report
from benchmarks.screen.imports import imports_of, least_of
from benchmarks.screen.measuring import Running, ScreenResult, ScreenSetup, Starts, measure
from benchmarks.screen.snapshot import measure_snapshot


@pytest.mark.slow
def test_every_budget_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SIZES", ((80, 24),))
    monkeypatch.setattr(measuring, "MONITORS", ())
    monkeypatch.setattr(measuring, "EVENTS", 100)
    monkeypatch.setattr(measuring, "_SETTLE_S", 0.5)
    narrated: list[str] = []

    result = measure(ScreenSetup(seconds=1, workers=2, starts=1, keys=1), narrated.append)

    ours, far, bare = result.running
    assert (ours.program, far.program, bare.program) == ("emeth-tui", "emeth-tui, hosts", "bare Textual")
    assert min(each.output_bytes_per_s for each in result.running) > 0
    assert {start.program for start in result.starts} == {"emeth-tui", "bare Textual"}
    assert all(len(start.first_paint_s) == len(start.cpu_s) == 1 for start in result.starts)
    goals = report(result, measure_snapshot(pictures=2)).goals
    assert len(goals) == 9
    assert all(goal.measured is not None for goal in goals)
    assert min(result.imports_s["emeth-tui"], result.imports_s["bare Textual"]) > 0
    assert len(narrated) == 4


def test_the_screen_is_held_against_the_bare_application() -> None:
    running = tuple(
        Running(program, *size, cpu_share=share, output_bytes_per_s=0.0)
        for program, shares in (
            ("emeth-tui", (0.04, 0.06)),
            ("emeth-tui, hosts", (0.05, 0.05)),
            ("bare Textual", (0.01, 0.02)),
            ("htop", (0.001, 0.5)),
        )
        for size, share in zip(((80, 24), (160, 45)), shares, strict=True)
    )
    starts = tuple(
        Starts(program, *size, first_paint_s=paints, cpu_s=[0.1])
        for program, by_size in (
            ("emeth-tui", ([0.6, 0.5, 9.0], [0.4])),
            ("bare Textual", ([0.3], [0.3, 0.2, 0.1])),
        )
        for size, paints in zip(((80, 24), (160, 45)), by_size, strict=True)
    )
    imports_s = {"emeth-tui": 1.6, "bare Textual": 0.4}
    result = ScreenResult(ScreenSetup(), running, starts, imports_s, {"80x24": [0.01]}, [0.1], growth_bytes=0)

    share, far_share, _output, paint, imports, *_others = goals(result, [0.001])

    assert (share.measured, share.reached) == (pytest.approx(3.0), False)
    assert (far_share.measured, far_share.reached) == (pytest.approx(2.5), True)
    assert (paint.measured, paint.reached) == (pytest.approx(2.0), False)
    assert (imports.measured, imports.reached) == (pytest.approx(4.0 / IMPORTS_BEFORE_OF_BARE), False)


def test_imports_are_summed_by_the_least_of_each_module() -> None:
    first = imports_of(
        "import time: self [us] | cumulative | imported package\n"
        "import time:       300 |        300 |   a.b\nimport time:      1000 |       1300 | a\n"
    )

    assert first == {"a.b": 0.0003, "a": 0.001}
    assert least_of([first, {"a.b": 0.0001, "a": 0.002, "c": 0.5}]) == pytest.approx(0.5011)
