"""Pausing: for how long. The key that opened it, pressed again, pauses without an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.words.formats import duration
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.tui.frame import Frame

MORNING = "07:00"
_SPANS = (("1", 30 * 60), ("2", 2 * 3_600), ("8", 8 * 3_600))  # keys, and seconds


@dataclass(frozen=True, slots=True)
class PauseLength:
    """How long a pause lasts: so many seconds, or until a time of day; neither: until it is ended."""

    for_s: int | None = None
    until: str = ""


def pause_job_dialog(frame: Frame, job: Job, name: str) -> Dialog[PauseLength | None]:
    """Ask for how long to pause a job."""
    left = line(_("in {time}; it goes on while the job rests").format(time=_left(frame, job)))
    title = _("Pause job {job}?").format(job=name)
    return _dialog(frame, title, [(_("deadline"), left)], "p", _("No, let it train"))


def pause_claims_dialog(frame: Frame) -> Dialog[PauseLength | None]:
    """Ask for how long to take no new jobs."""
    what = line(_("no new jobs are taken; those under way go on"))
    return _dialog(frame, _("Pause claiming?"), [(_("claiming"), what)], "P", _("No, take jobs as before"))


def _dialog(
    frame: Frame, title: str, facts: Sequence[tuple[str, Line]], key: str, keep: str
) -> Dialog[PauseLength | None]:
    until = _("Until {clock} ({zone})").format(clock=MORNING, zone=frame.snapshot.time_zone)
    spans: list[Choice[PauseLength | None]] = [
        Choice(number, _("For {time}").format(time=duration(seconds)), PauseLength(seconds))
        for number, seconds in _SPANS
    ]
    return Dialog(
        title,
        facts_table(facts),
        [
            Choice("n", keep, None),
            Choice(key, _("Without an end: until you resume it"), PauseLength()),
            *spans,
            Choice("7", until, PauseLength(until=MORNING)),
        ],
    )


def _left(frame: Frame, job: Job) -> str:
    return duration(job.deadline_unix_s - frame.now)
