"""`python -m benchmarks network`: the services of a network under load."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.network.load import LoadResult, Plan, measure
from benchmarks.report import Goal, Report, json_option, show

_MB = 1_000_000
GROWTH_GOAL_MB = 30  # from the first wave's end to the last one's


@click.command("network", help="What a network's services take of many jobs, nodes and uploads.")
@click.option("--parts", type=click.Choice(["embedded", "grown"]), default="embedded", show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=1_000, show_default=True)
@click.option("--nodes", type=click.IntRange(min=1), default=50, show_default=True, help="That poll.")
@click.option("--poll-s", type=click.FloatRange(min=0.01), default=10.0, show_default=True)
@click.option("--uploads", type=click.IntRange(min=1), default=8, show_default=True, help="Side by side.")
@click.option("--upload-mb", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--waves", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), help="Where files lie meanwhile.")
@json_option
def command(
    as_json: bool,
    parts: str,
    jobs: int,
    nodes: int,
    poll_s: float,
    uploads: int,
    upload_mb: int,
    waves: int,
    directory: Path | None,
) -> None:
    if (waves + 1) * uploads > jobs:
        raise click.BadParameter("each upload takes a job of its own", param_hint="--jobs")
    plan = Plan(parts, jobs, nodes, poll_s, uploads, upload_mb * _MB, waves)
    show(report(asyncio.run(measure(plan, directory))), as_json)


def report(result: LoadResult) -> Report:
    """Format a result for people and machines."""
    plan, megabytes = result.plan, result.plan.uploads * result.plan.upload_bytes / _MB
    uploads = plan.uploads * (plan.waves + 1)
    lines = [
        f"{plan.parts} parts: {plan.jobs:,} jobs, {plan.pollers} nodes polling every {plan.poll_every_s:g} s"
        + f", {plan.uploads} uploads of {plan.upload_bytes / _MB:,.0f} MB side by side",
        f"memory at rest {result.rest_bytes / _MB:.0f} MB; of each wave at most "
        + f"{_megabytes(result.peaks_bytes)} MB, at its end {_megabytes(result.ends_bytes)} MB",
        f"uploads {megabytes / max(result.wave_s):.0f} MB/s; CPU {result.cpu_s:.1f} s until the kill",
        f"{result.polls:,} polls, median {1_000 * result.median_poll_s:.0f} ms, 99 of 100 within "
        + f"{1_000 * result.slowest_poll_s:.0f} ms",
        f"killed in the middle: back after {result.away_s:.1f} s; {result.failed_polls} polls failed",
        f"{result.stored} of {uploads} results as they were sent, "
        + f"{result.listed:,} of {plan.jobs:,} jobs listed",
    ]
    grown_bytes = result.ends_bytes[-1] - result.ends_bytes[0]
    lost = uploads - result.stored + plan.jobs - result.listed
    goals = [
        Goal("memory grown over the waves", GROWTH_GOAL_MB, grown_bytes / _MB, "MB", at_least=False),
        Goal("results and jobs lost", 0, lost, "", at_least=False),
    ]
    return Report(dataclasses.asdict(result), lines, result.machine, goals)


def _megabytes(sizes: Sequence[int]) -> str:
    return ", ".join(f"{size / _MB:.0f}" for size in sizes)
