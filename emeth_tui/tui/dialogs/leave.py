"""Leaving: the node keeps running without the screen, ends when its jobs are done, or stops now."""

from __future__ import annotations

from enum import Enum

from emeth_tui.model import JobState
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.tui.frame import Frame, outlook
from emeth_tui.words.formats import duration, emt
from emeth_tui.words.translation import _


class Leave(Enum):
    """What to do about the node."""

    STAY = "stay"
    HEADLESS = "headless"
    DRAIN = "drain"
    STOP = "stop"


def leave_dialog(frame: Frame | None) -> Dialog[Leave]:
    """Ask how to leave."""
    stopping = frame.snapshot.stopping if frame else ""
    refusal = _("the node is stopping already") if stopping == "stopping" else ""
    starting = "" if frame else _("the node is still starting")
    drain_refusal = starting or refusal or (_("it is draining already") if stopping == "draining" else "")
    return Dialog(
        _("Leave?"),
        facts_table(_facts(frame) if frame else []),
        [
            Choice("s", _("Stay here"), Leave.STAY),
            Choice("l", _("Leave the node running, without a screen"), Leave.HEADLESS, refusal),
            Choice(
                "d", _("Drain: no new jobs, quit when those here are submitted"), Leave.DRAIN, drain_refusal
            ),
            Choice("x", _("Quit now: save every job and stop"), Leave.STOP, refusal),
        ],
    )


def _facts(frame: Frame) -> list[tuple[str, Line]]:
    jobs = [job for job in frame.snapshot.jobs if job.state is not JobState.SUBMITTED]
    if not jobs:
        waiting = len(frame.pending)
        nothing = _("no job is under way; {n} wait for the verifier, which needs no node").format(n=waiting)
        return [(_("under way"), line(nothing))]
    first_deadline_s = min(job.deadline_unix_s for job in jobs) - frame.now
    at_risk = sum(
        frame.snapshot.rates.timeout_penalty_wei(j.deposit_wei) for j in jobs if j.state.holds_deposit
    )
    done = [forecast.high_s for row in frame.rows if (forecast := outlook(row, frame.now)) is not None]
    drained = duration(max(done)) if len(done) == len(jobs) else _("not known yet")
    stop = _(
        "nothing by itself: jobs go on from their checkpoints at the next start. Not started again within "
        "{time}, the first deadline passes; {amount} are lost if all of them do"
    ).format(time=duration(first_deadline_s), amount=emt(at_risk))
    return [
        (
            _("under way"),
            line(
                _("{n} jobs, the first deadline in {time}").format(
                    n=len(jobs), time=duration(first_deadline_s)
                )
            ),
        ),
        (_("draining takes"), line(drained)),
        (_("quitting now costs"), line((stop, "warn"))),
    ]
