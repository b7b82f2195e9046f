"""Panel 1 of an account that is read from the chain alone: the jobs that it works on, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.model import format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column, lay_out
from emeth_tui.words.formats import duration, moment, state_name
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.tui.frame import Frame

# In this order the least needed are left out where there is no room: epochs, deposit, age.
_COLUMNS: tuple[Column[Job], ...] = (
    Column("", str, to_left=True),
    Column("", str, to_left=True),
    Column("", str, to_left=True, spare=3),
    Column("", str, spare=2),
    Column("", str),
    Column("", str, spare=1),
    Column("", str),
)


def watched_lines(frame: Frame, width: int, height: int, chosen: int) -> list[Line]:
    """Draw as many jobs as fit, the chosen one among them."""
    jobs = [row.job for row in frame.rows if row.job is not None]
    if not jobs:
        empty = _("reading the chain …") if frame.loading else _("no job is under way")
        return [line((empty, "muted"))]
    first = _first(frame, height, chosen)
    shown = jobs[first : first + max(1, height)]
    cells = [_cells(frame, job) for job in shown]
    layout, kept = lay_out(_COLUMNS, cells, [""] * len(_COLUMNS), width - 1)
    lines = []
    for index, job in enumerate(shown, first):
        marked = index == chosen
        row = layout.row([cells[index - first][column] for column in kept], width - 1)
        tip = _("deadline {moment} UTC").format(moment=moment(job.deadline_unix_s))
        drawn = line(("▶" if marked else " ", "accent"), *row.spans, tip=tip)
        lines.append(drawn.chosen(marked and len(jobs) > 1))
    return lines


def watched_at(frame: Frame, height: int, chosen: int, y: int) -> int:
    """Return the job that a line of the panel belongs to."""
    return min(len(frame.rows) - 1, _first(frame, height, chosen) + y)


def _first(frame: Frame, height: int, chosen: int) -> int:
    return max(0, min(chosen - height // 2, len(frame.rows) - height))


def _cells(frame: Frame, job: Job) -> list[Span]:
    left_s = job.deadline_unix_s - frame.now
    late = left_s < 0
    deadline = _("late by {time}").format(time=duration(-left_s)) if late else duration(left_s)
    return [
        (short(job.job_id), "accent"),
        _state(job),
        (f"{job.language.value} {job.epochs} " + _("epochs") if job.epochs else "–", "muted"),
        (_("taken {time} ago").format(time=duration(frame.now - job.created_at_unix_s)), "muted"),
        (_("fee {amount}").format(amount=format_token(job.fee_wei)), ""),
        (_("deposit {amount}").format(amount=format_token(job.deposit_wei)), ""),
        (deadline if late else _("deadline in") + " " + deadline, "bad" if late else ""),
    ]


def _state(job: Job) -> Span:
    if job.seen_end is not None:
        return state_name(job.seen_end) + " …", "muted"
    return state_name(job.state), ""
