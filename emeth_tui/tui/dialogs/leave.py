"""Leaving: the node keeps running without the screen, ends when its jobs are done, or stops now."""

from __future__ import annotations

from enum import Enum

from emeth_tui.model import JobState
from emeth_tui.tui import why_not
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.tui.frame import Frame, outlook
from emeth_tui.tui.panels.header import attachment_text
from emeth_tui.words.formats import Count, cost, duration
from emeth_tui.words.translation import _


class Leave(Enum):
    """What to do about the node."""

    STAY = "stay"
    HEADLESS = "headless"
    DRAIN = "drain"
    STOP = "stop"


def leave_dialog(frame: Frame | None) -> Dialog[Leave]:
    """Ask how to leave; from an attached screen, the node need not be able to end for that."""
    attached = frame is not None and frame.attached_to is not None
    temporary = frame is not None and frame.snapshot.temporary_state
    leave, drain, stop = _attached_labels(temporary) if attached else _labels(temporary)
    return Dialog(
        _("Leave?"),
        facts_table([*_attachment(frame), *_facts(frame)] if frame else []),
        [
            Choice("s", _("Stay here"), Leave.STAY),
            Choice("l", leave, Leave.HEADLESS, None if attached else why_not.stop(frame)),
            Choice("d", drain, Leave.DRAIN, why_not.drain(frame)),
            Choice("x", stop, Leave.STOP, why_not.stop(frame)),
        ],
    )


def _labels(temporary: bool) -> tuple[str, str, str]:
    return (
        _("Leave the node running, without a screen"),
        _("Drain: no new jobs, quit when those here are submitted"),
        _("Quit now: the local network ends too, and nothing is kept")
        if temporary
        else _("Quit now: save every job and stop"),
    )


def _attached_labels(temporary: bool) -> tuple[str, str, str]:
    return (
        _("Leave this screen; the node goes on"),
        _("Drain the node: it ends when the jobs here are submitted"),
        _("Stop the node now: the local network ends too, nothing is kept")
        if temporary
        else _("Stop the node now: it saves every job"),
    )


def _attachment(frame: Frame) -> list[tuple[str, Line]]:
    node = frame.attached_to
    return [(_("attached to"), line(attachment_text(node)))] if node else []


def _facts(frame: Frame) -> list[tuple[str, Line]]:
    jobs = [job for job in frame.snapshot.jobs if job.state is not JobState.SUBMITTED]
    if not jobs:
        pending = Count(len(frame.pending))
        if frame.snapshot.temporary_state:
            nothing = _("no job is under way; {n:job is|jobs are} waiting for the verifier")
        else:
            nothing = _(
                "no job is under way; {n:job is|jobs are} waiting for the verifier, which needs no node"
            )
        return [(_("under way"), line(nothing.format(n=pending)))]
    first_deadline_s = min(job.deadline_unix_s for job in jobs) - frame.now
    at_risk = sum(
        frame.snapshot.rates.timeout_penalty_wei(j.deposit_wei) for j in jobs if j.state.holds_deposit
    )
    done = [forecast.high_s for row in frame.rows if (forecast := outlook(row, frame.now)) is not None]
    drained = duration(max(done)) if len(done) == len(jobs) else _("not known yet")
    if frame.snapshot.temporary_state:
        stop = _(
            "these jobs: the local network and the node are in a temporary directory, which is removed when "
            "they end; one of --state-dir is kept"
        )
    else:
        stop = _(
            "nothing by itself: jobs resume from their checkpoints at the next start. Unless that is within "
            "{time}, the first deadline passes; {amount} is lost if all of them do"
        ).format(time=duration(first_deadline_s), amount=f"{cost(at_risk, 5)} EMT")
    under_way = _("{n:job|jobs}, the first deadline in {time}").format(
        n=Count(len(jobs)), time=duration(first_deadline_s)
    )
    return [
        (_("under way"), line(under_way)),
        (_("draining takes"), line(drained)),
        (_("quitting now costs"), line((stop, "warn"))),
    ]
