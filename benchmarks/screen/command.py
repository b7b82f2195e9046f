"""The command line of `screen`, its report, and the goals for its figures."""

from __future__ import annotations

import dataclasses
import os
import statistics

import click

from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.screen.measuring import BARE, EVENTS, FAR, OURS, ScreenResult, ScreenSetup, measure, median_of
from benchmarks.screen.snapshot import FILES, JOBS, measure_snapshot

_DEFAULTS = ScreenSetup()
SHARE_OF_BARE = 2.5  # at the largest terminal, times the bare application's share of a core
FIRST_PAINT_OF_BARE = 1.5  # times the bare application's
IMPORTS_OF_THOSE_BEFORE = 0.7
# What they were before there was a goal (commit 7a54a18), times the bare application's: measured in one run.
IMPORTS_BEFORE_OF_BARE = 2.5
OUTPUT_KIB_PER_S = 25
KEY_TO_PAINT_S = 0.1
VERSION_S = 0.2
SNAPSHOT_S = 0.002
GROWTH_MB = 1.0  # allowed for noise: 100 bytes per event would be as much


@click.command("screen", help="What the screen costs in a pseudo-terminal, and other monitors beside it.")
@click.option("--seconds", type=click.FloatRange(min=1), default=_DEFAULTS.seconds, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=_DEFAULTS.workers, show_default=True)
@click.option("--starts", type=click.IntRange(min=1), default=_DEFAULTS.starts, show_default=True)
@json_option
def command(as_json: bool, seconds: float, workers: int, starts: int) -> None:
    snapshot_s = measure_snapshot()
    result = measure(ScreenSetup(seconds=seconds, workers=workers, starts=starts), narrate)
    show(report(result, snapshot_s), as_json)


def report(result: ScreenResult, snapshot_s: list[float]) -> Report:
    """Format a result for people and machines."""
    setup = result.setup
    lines = [
        f"{setup.workers} workers here, or {setup.far_workers} on {setup.hosts} hosts, "
        f"{setup.reports_a_second:g} reports a second each, {setup.seconds:g} s; "
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        f"{'program':<16} {'terminal':>9} {'share of a core':>16} {'to the terminal':>16}",
        *(
            f"{run.program:<16} {f'{run.columns}x{run.rows}':>9} {run.cpu_share:>16.1%} "
            f"{run.output_bytes_per_s / 1024:>10,.1f} KiB/s"
            for run in result.running
        ),
        *(
            f"{start.program}, first paint at {start.columns}x{start.rows}: "
            f"{median_of(start.first_paint_s)}, "
            f"{statistics.mean(start.cpu_s):.3f} s of CPU"
            for start in result.starts
        ),
        *(
            f"{program}, imports before the first paint: {seconds:.3f} s"
            for program, seconds in result.imports_s.items()
        ),
        *(f"key to paint at {size}: {median_of(values)}" for size, values in result.key_to_paint_s.items()),
        f"--version: {median_of(result.version_s)}",
        f"memory after {EVENTS:,} events: {result.growth_bytes / 1e6:+.2f} MB",
        f"a snapshot with {FILES:,} files and {JOBS:,} jobs: {median_of(snapshot_s)}",
    ]
    content = {**dataclasses.asdict(result), "snapshot_s": snapshot_s}
    return Report(content, lines, goals=goals(result, snapshot_s))


def goals(result: ScreenResult, snapshot_s: list[float]) -> list[Goal]:
    """Return the goals, each with the worst figure of all sizes."""
    output = max(run.output_bytes_per_s for run in result.running if run.program in {OURS, FAR})
    share = _share_of_bare(result, OURS)
    far_share = _share_of_bare(result, FAR)
    return [
        _at_most("share of a core, of a bare application's", SHARE_OF_BARE, share, "x"),
        _at_most("share of a core with remote workers, of the same", SHARE_OF_BARE, far_share, "x"),
        _at_most("to the terminal", OUTPUT_KIB_PER_S, output / 1024, "KiB/s"),
        _at_most("first paint, of a bare application's", FIRST_PAINT_OF_BARE, _paint_of_bare(result), "x"),
        _at_most("imports, of those before", IMPORTS_OF_THOSE_BEFORE, _imports_of_before(result), "x"),
        _at_most("key to paint", KEY_TO_PAINT_S, max(map(statistics.median, result.key_to_paint_s.values()))),
        _at_most("--version", VERSION_S, statistics.median(result.version_s)),
        _at_most(f"memory over {EVENTS:,} events", GROWTH_MB, result.growth_bytes / 1e6, "MB"),
        _at_most("a snapshot", SNAPSHOT_S, statistics.median(snapshot_s)),
    ]


def _share_of_bare(result: ScreenResult, program: str) -> float | None:
    """Return the ratio at the largest terminal, None if the bare application's share is too small."""
    largest = max((run.columns, run.rows) for run in result.running)
    shares = {run.program: run.cpu_share for run in result.running if (run.columns, run.rows) == largest}
    return shares[program] / shares[BARE] if shares[BARE] else None


def _paint_of_bare(result: ScreenResult) -> float:
    """Return the worst ratio of the medians."""
    medians: dict[tuple[int, int], dict[str, float]] = {}
    for start in result.starts:
        at_size = medians.setdefault((start.columns, start.rows), {})
        at_size[start.program] = statistics.median(start.first_paint_s)
    return max(at_size[OURS] / at_size[BARE] for at_size in medians.values())


def _imports_of_before(result: ScreenResult) -> float:
    """Return the ratio to what the imports took once, on this machine, by the bare application's."""
    return result.imports_s[OURS] / (IMPORTS_BEFORE_OF_BARE * result.imports_s[BARE])


def _at_most(name: str, target: float, measured: float | None, unit: str = "s") -> Goal:
    return Goal(f"screen: {name}", target, measured, unit, at_least=False)
