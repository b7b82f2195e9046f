"""Draining a host, or undoing it: what becomes of its jobs and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import line
from emeth_tui.tui.frame import outlook
from emeth_tui.words.formats import duration_range
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.view import HostView
    from emeth_tui.tui.frame import Frame, Row

MOST_JOBS = 4  # named one by one
Fact = tuple[str, str, str]


def drain_host_dialog(frame: Frame, host: HostView) -> Dialog[bool]:
    """Ask whether to drain a host, or to have it take jobs again; the default is No."""
    if host.draining:
        title, keep = _("Give host {name} new jobs again?"), _("No, let it drain")
        yes, then = _("Yes, give it new jobs"), _("its free devices take jobs like all others")
    else:
        title, keep = _("Drain host {name}?"), _("No, give it jobs as before")
        yes, then = (
            _("Yes, drain it"),
            _("its devices get no new jobs until you undo it, restarts or not"),
        )
    facts: list[Fact] = [
        (_("devices"), ", ".join(host.devices) or "–", ""),
        *([] if host.draining else _jobs(frame, host)),
        (_("then"), then, ""),
    ]
    if host.reason is not None:
        facts.append((_("away"), text_of(host.reason), "warn"))
    return Dialog(
        title.format(name=host.name),
        facts_table([(label, line((text, role))) for label, text, role in facts]),
        [Choice("n", keep, False), Choice("y", yes, True)],
    )


def _jobs(frame: Frame, host: HostView) -> list[Fact]:
    """Say what becomes of the jobs that the host has."""
    rows = [row for row in frame.rows if row.at_work and row.worker and row.worker.host == host.name]
    if not rows:
        return [(_("its jobs"), _("nothing trains there now"), "")]
    named = [(_("its jobs") if not number else "", _job(frame, row), "") for number, row in enumerate(rows)]
    if len(rows) > MOST_JOBS:
        more = _("and {n} more").format(n=len(rows) - MOST_JOBS + 1)
        named = [*named[: MOST_JOBS - 1], ("", more, "")]
    return [*named, ("", _("they go on there until they are done"), "muted")]


def _job(frame: Frame, row: Row) -> str:
    assert row.job is not None  # noqa: S101 - it is at work on it
    forecast = outlook(row, frame.now)
    time = duration_range(forecast.low_s, forecast.high_s) if forecast else "–"
    return _("{job}, done in {time}").format(job=short(row.job.job_id), time=time)
