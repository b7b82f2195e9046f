"""The six panels as widgets: their lines, their cursor, the titles in their borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType

from emeth_tui.model import Severity
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line
from emeth_tui.tui.panels.deposits import deposit_lines
from emeth_tui.tui.panels.disk import disk_lines
from emeth_tui.tui.panels.events import EventFilter, event_lines, filter_words, shown_events
from emeth_tui.tui.panels.panel import CursorPanel, Panel
from emeth_tui.tui.panels.pending import pending_lines
from emeth_tui.tui.panels.share import reward_graph, share_lines
from emeth_tui.tui.panels.watched import watched_at, watched_lines
from emeth_tui.tui.panels.workers import worker_at, worker_lines
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _, spoken

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.notices.event import Event
    from emeth_tui.tui.frame import Frame

_NEXT_LEAST = {
    Severity.INFO: Severity.WARNING,
    Severity.WARNING: Severity.ERROR,
    Severity.ERROR: Severity.INFO,
}


class WorkersPanel(CursorPanel):
    """Panel 1. Its chosen row's job is what the job keys act on."""

    @property
    def row_count(self) -> int:
        return len(self.frame.rows) if self.frame else 0

    @property
    def job(self) -> Job | None:
        """The chosen worker's job."""
        if self.frame is None or not self.frame.rows:
            return None
        return self.frame.rows[min(self.chosen, self.row_count - 1)].job

    def draw(self, frame: Frame, width: int, height: int) -> None:
        self.keep_chosen()
        if frame.snapshot.from_chain_alone:
            self.set_title(f"1 {_('Jobs')}", _("{n} under way").format(n=len(frame.rows)))
            self.show_lines(watched_lines(frame, width, height, self.chosen))
            return
        busy = sum(row.busy for row in frame.rows)
        workers = len(frame.snapshot.workers)
        self.set_title(f"1 {_('Workers')}", _("{n} of {all} at work").format(n=busy, all=workers))
        self.show_lines(worker_lines(frame, width, height, self.chosen, self.host.glyphs))

    def on_click(self, event: events.Click) -> None:
        if self.frame is not None and self.frame.rows:
            offset = event.get_content_offset_capture(self)
            row_at = watched_at if self.frame.snapshot.from_chain_alone else worker_at
            self.chosen = row_at(self.frame, self.size.height, self.chosen, offset.y)
            self.move_rows(0)


class PendingPanel(CursorPanel):
    """Panel 2."""

    @property
    def row_count(self) -> int:
        return len(self.frame.pending) if self.frame else 0

    @property
    def job(self) -> Job | None:
        """The chosen job."""
        pending = self.frame.pending if self.frame else []
        return pending[min(self.chosen, len(pending) - 1)] if pending else None

    def draw(self, frame: Frame, width: int, height: int) -> None:
        self.keep_chosen()
        count = f" · {self.row_count}" if self.row_count else ""
        self.set_title(f"2 {_('Pending verification')}{count}")
        self.show_lines(pending_lines(frame, width, height, self.chosen, self.has_focus))


class DepositsPanel(Panel):
    """Panel 3."""

    def inputs(self, frame: Frame) -> object:
        return frame.snapshot.deposits, frame.snapshot.native_symbol

    def draw(self, frame: Frame, width: int, height: int) -> None:
        self.set_title(f"3 {_('Deposits')}")
        self.show_lines(deposit_lines(frame, width)[:height])


class DiskPanel(Panel):
    """Panel 4."""

    def inputs(self, frame: Frame) -> object:
        return frame.snapshot.disk, frame.snapshot.standstill, frame.snapshot.from_chain_alone

    def draw(self, frame: Frame, width: int, height: int) -> None:
        self.set_title(f"4 {_('Disk')}")
        self.show_lines(disk_lines(frame, width, height, self.host.glyphs)[:height])


class SharePanel(Panel):
    """Panel 5. Its graph is drawn again when a day has ended, the lines above it with each frame."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._graph: list[Line] = []
        self._graph_from: object = None

    def draw(self, frame: Frame, width: int, height: int) -> None:
        self.set_title(f"5 {_('Today’s share')}")
        lines = share_lines(frame, width, self.host.glyphs)[:height]
        graph = self._reward_graph(frame, width, height - len(lines) - 1)
        self.show_lines([*lines, *([BLANK] if graph else []), *graph])

    def _reward_graph(self, frame: Frame, width: int, height: int) -> list[Line]:
        today = frame.snapshot.today
        days = (today.days, today.share.slot) if today else None
        drawn_from = days, width, height, self.host.glyphs, spoken()
        if drawn_from != self._graph_from:
            self._graph = reward_graph(frame, width, height, self.host.glyphs)
            self._graph_from = drawn_from
        return self._graph


class EventsPanel(CursorPanel):
    """Panel 6. At the top row it follows what happens; further down it stays where it is."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.EVENTS)

    def __init__(self, *, id: str, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.filter = EventFilter()
        self._shown: list[Event] = []

    @property
    def row_count(self) -> int:
        return len(self._shown)

    @property
    def event(self) -> Event | None:
        """The chosen event."""
        return self._shown[min(self.chosen, len(self._shown) - 1)] if self._shown else None

    def inputs(self, frame: Frame) -> object:
        return frame.snapshot.events, self.filter, self.chosen

    def set_filter(self, event_filter: EventFilter) -> None:
        """Show other events."""
        self.filter = event_filter
        self.chosen = 0
        self.host.repaint()  # among tabs, the line of the tabs says what is filtered

    def draw(self, frame: Frame, width: int, height: int) -> None:
        chosen = self.event
        self._shown = shown_events(frame.snapshot.events, self.filter)
        if self.chosen and chosen is not None and chosen in self._shown:
            self.chosen = self._shown.index(chosen)  # new ones come above: stay with the chosen one
        self.keep_chosen()
        words = filter_words(self.filter)
        self.set_title(f"6 {_('Events')}", words or _("/ filter"))
        self.show_lines(
            event_lines(self._shown, width, height, self.chosen, self.has_focus, filtered=bool(words))
        )

    def show_next_severity(self) -> None:
        """Show only what is worse: warnings, errors, then everything again."""
        self.set_filter(EventFilter(_NEXT_LEAST[self.filter.least], self.filter.words))

    def copy(self) -> None:
        """Copy the chosen event to the clipboard, by the terminal's own means."""
        if self.event is not None:
            self.app.copy_to_clipboard(f"{self.event.job_id or ''} {text_of(self.event.body)}".strip())
            self.host.note.show(_("copied, if your terminal allows that"))
