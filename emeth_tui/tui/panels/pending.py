"""Panel 2: results that wait for the verifier, the oldest first, and what they should bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.model import JobState
from emeth_tui.protocol.contracts import estimated_gas
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.drawing.lines import Line, fit, line, right
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
    return [
        _job_line(frame, jobs[index], width, focused and index == chosen)
        for index in range(first, min(len(jobs), first + max(1, height)))
    ]


def _job_line(frame: Frame, job: Job, width: int, chosen: bool) -> Line:
    age_s = frame.now - (job.submitted_at_unix_s or frame.now)
    sign, role = ("! ", "warn") if age_s > LONG_WAIT_S else ("  ", "")
    last = (right(f"≈ {estimated_gas(job.dataset_bytes):,} " + _("gas"), 12), "muted")
    if job.seen_end is not None:  # the chain shows it, and may still take it back
        last = (right(state_name(job.seen_end) + " …", 12), _SEEN_ROLES.get(job.seen_end, "bad"))
    spans = [
        ("▶" if chosen else " ", "accent"),
        (short(job.job_id), "accent"),
        (f" {job.language.value}{right(size(job.dataset_bytes), 8)}", "muted"),
        (right(sign + duration(age_s), 11), role),
        (right(emt(frame.snapshot.rates.earned_wei(job.fee_wei)), 13), ""),
        last,
    ]
    submitted = moment(job.submitted_at_unix_s or frame.now)
    tip = _("submitted {moment} UTC").format(moment=submitted)
    return fit(line(*spans, selected=chosen, tip=tip), width)
