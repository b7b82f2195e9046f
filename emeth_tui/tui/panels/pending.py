"""Panel 2: results that wait for the verifier, the oldest first, and what they should bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.model import JobState
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column, lay_out
from emeth_tui.words.formats import duration, emt, moment, size, state_name
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.tui.frame import Frame

_SEEN_ROLES = {JobState.VERIFIED: "good"}
LONG_WAIT_S = 3_600  # a verifier that takes longer than this is worth a look


def pending_lines(frame: Frame, width: int, height: int, chosen: int, focused: bool) -> list[Line]:
    """Draw one line a job, the chosen one among them."""
    jobs = frame.pending
    if not jobs:
        empty = _("reading the chain …") if frame.loading else _("nothing is waiting for the verifier")
        return [line((empty, "muted"))]
    first = max(0, min(chosen - height // 2, len(jobs) - height))
    shown = jobs[first : first + max(1, height)]
    cells = [_cells(frame, job) for job in shown]
    layout, kept = lay_out(_COLUMNS, cells, [""] * len(_COLUMNS), width - 1)
    lines = []
    for index, job in enumerate(shown, first):
        marked = focused and index == chosen
        row = layout.row([cells[index - first][column] for column in kept], width - 1)
        submitted = moment(job.submitted_at_unix_s or frame.now)
        tip = _("submitted {moment} UTC").format(moment=submitted)
        lines.append(line(("▶" if marked else " ", "accent"), *row.spans, selected=marked, tip=tip))
    return lines


# In this order the least needed are left out where there is no room: language, gas, size.
_COLUMNS: tuple[Column[Job], ...] = (
    Column("", str, to_left=True),
    Column("", str, to_left=True, spare=3),
    Column("", str, spare=1),
    Column("", str),
    Column("", str),
    Column("", str, spare=2),
)


def _cells(frame: Frame, job: Job) -> list[Span]:
    from emeth_tui.protocol.contracts import estimated_gas  # needed by jobs alone, not by the first paint

    age_s = frame.now - (job.submitted_at_unix_s or frame.now)
    sign, role = ("! ", "warn") if age_s > LONG_WAIT_S else ("", "")
    known = bool(job.dataset_bytes)  # the chain alone does not say it
    last: Span = (f"≈ {estimated_gas(job.dataset_bytes):,} " + _("gas") if known else "", "muted")
    fee: Span = (emt(frame.snapshot.rates.earned_wei(job.fee_wei)), "")
    if job.seen_end is not None:  # the chain shows it, and may still take it back
        fee, last = (state_name(job.seen_end) + " …", _SEEN_ROLES.get(job.seen_end, "bad")), fee
    return [
        (short(job.job_id), "accent"),
        (job.language.value, "muted"),
        (size(job.dataset_bytes) if known else "–", "muted"),
        (sign + duration(age_s), role),
        fee,
        last,
    ]
