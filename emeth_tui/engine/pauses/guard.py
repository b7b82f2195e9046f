"""The deadline guard: whether a pause would make a job miss its deadline that it makes without one."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.market.policy import margin_for
from emeth_tui.job import Job


@dataclass(frozen=True, slots=True)
class Risk:
    """How long a job may need with the pause, and how long it has, in seconds."""

    needed_s: int
    deadline_s: int


def risk_of_pause(context: Context, job: Job, paused: Duration) -> Risk | None:
    """Return why a pause is a risk to a job's deadline, None when it is none; `paused` is the time it takes.

    The long end of the forecast has to fit before the deadline, and what is expected before the margin.
    A job that misses its deadline in any case loses nothing by a pause.
    """
    deadline_s = job.deadline_unix_s - context.clock.now_unix_s()
    if not job.state.holds_deposit or context.forecasts.work_left(job).low_s > deadline_s:
        return None
    margin_s = margin_for(context, job) if paused.measured else 0
    needed_s = max(paused.high_s, paused.expected_s + margin_s)
    return Risk(round(needed_s), round(deadline_s)) if needed_s > deadline_s else None
