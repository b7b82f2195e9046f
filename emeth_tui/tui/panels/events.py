"""Panel 6: what happened, the newest first, by severity and by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from emeth_tui.model import Severity
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.drawing.lines import Line, fit, left, line
from emeth_tui.words.formats import SEVERITY_MARKS, SEVERITY_ROLES, clock, moment
from emeth_tui.words.remedies import remedy_of
from emeth_tui.words.sentences import english, text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.notices.event import Event

JOB_CELLS = 8
# What is worth a look though nothing is wrong, and what is not.
_INFO_SIGNS = {"verified": ("✓", "good"), "withdrawn": ("✓", "good"), "epoch_done": (" ", "muted")}
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class EventFilter(Struct, frozen=True):
    """Which events to show: at least this severe, holding these words (in job id, kind or text)."""

    least: Severity = Severity.INFO
    words: str = ""

    def passes(self, event: Event) -> bool:
        if _RANK[event.severity] < _RANK[self.least]:
            return False
        if not self.words:
            return True
        haystack = f"{event.job_id or ''} {event.kind} {english(event.body)} {text_of(event.body)}".lower()
        return all(word in haystack for word in self.words.lower().split())


def fold_epochs(events: Sequence[Event]) -> list[Event]:
    """Leave out all epochs but the newest of one job's events, which come in order."""
    newest = max((event.at_unix_s for event in events if event.kind == "epoch_done"), default=0.0)
    return [event for event in events if event.kind != "epoch_done" or event.at_unix_s == newest]


def shown_events(events: Sequence[Event], event_filter: EventFilter) -> list[Event]:
    """Pick the events that pass, the newest first."""
    return [event for event in reversed(events) if event_filter.passes(event)]


def event_lines(
    events: Sequence[Event], width: int, height: int, chosen: int, focused: bool, *, filtered: bool
) -> list[Line]:
    """Draw a window of events with the chosen one in it."""
    if not events:
        empty = _("no event matches the filter") if filtered else _("nothing has happened yet")
        return [line((empty, "muted"))]
    first = max(0, min(chosen - height // 2, len(events) - height))
    return [
        event_line(events[index], width, focused and index == chosen)
        for index in range(first, min(len(events), first + max(1, height)))
    ]


def event_line(event: Event, width: int, chosen: bool = False) -> Line:
    """Draw one event."""
    sign, role = SEVERITY_MARKS[event.severity], SEVERITY_ROLES[event.severity]
    if event.severity is Severity.INFO:
        sign, role = _INFO_SIGNS.get(event.kind, (sign, role))
    job = short(event.job_id) if event.job_id else ""
    spans = [
        (clock(event.at_unix_s), "muted"),
        (f" {sign} ", role),
        (left(job, JOB_CELLS), "accent"),
        (" " + text_of(event.body), role),
    ]
    tip = "\n".join(filter(None, [f"{moment(event.at_unix_s)} UTC", remedy_of(event)]))
    return fit(line(*spans, selected=chosen, tip=tip), width)


def filter_words(event_filter: EventFilter) -> str:
    """Return a few words on what is filtered, "" if nothing is."""
    parts = []
    if event_filter.least is Severity.WARNING:
        parts.append(_("warnings and errors"))
    if event_filter.least is Severity.ERROR:
        parts.append(_("errors"))
    if event_filter.words:
        parts.append(f"“{event_filter.words}”")
    return " · ".join(parts)
