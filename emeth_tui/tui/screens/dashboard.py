"""The dashboard: all six panels at once, or on a small terminal the workers and one panel as a tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.kept_strips import Ground
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import Line, Span, fit, line
from emeth_tui.tui.panels.deposits import deposit_summary
from emeth_tui.tui.panels.events import EventFilter, filter_words
from emeth_tui.tui.panels.panel import Panel
from emeth_tui.tui.panels.share import share_summary
from emeth_tui.tui.panels.widgets import (
    DepositsPanel,
    DiskPanel,
    EventsPanel,
    PendingPanel,
    SharePanel,
    WorkersPanel,
)
from emeth_tui.tui.panels.worker_groups import headings
from emeth_tui.tui.panels.workers import TEXT_LINES, block_lines
from emeth_tui.tui.screens.base import NodeScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.model import JobId
    from emeth_tui.tui.frame import Frame

WIDE_CELLS, WIDE_LINES = 100, 28  # from here on everything is shown at once
TALL_LINES, VERY_TALL_LINES = 36, 50  # of the body
MIDDLE_LINES = 9  # pending, deposits, disk: seven lines and the border
TALL_MIDDLE_LINES = 13
LEAST_TOP_LINES = 8
HEADER_AND_KEYS_LINES = 2
MOST_BANNER_LINES = 4  # app.tcss
LEAST_EVENT_LINES = 6
GOOD_EVENT_LINES = 14  # before graphs take room from them
_TABS = ("pending", "deposits", "disk", "share", "events")
_WITH_A_PAGE = ("deposits", "disk", "share")
_PANELS = {1: "workers", 2: "pending", 3: "deposits", 4: "disk", 5: "share", 6: "events"}


class Body(Ground, Container):
    """What stands between header and keys."""


class Dashboard(NodeScreen):
    """The first screen."""

    AUTO_FOCUS = "#workers"
    SCOPE = Scope.DASHBOARD
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.DASHBOARD)

    def __init__(self) -> None:
        super().__init__()
        self._tab = "events"
        self._grid_lines = (-1, -1)

    def compose_content(self) -> ComposeResult:
        with Body(id="body"):
            yield WorkersPanel(id="workers")
            yield LineView(id="share-line", classes="-narrow-only")
            yield LineView(id="deposit-line", classes="-narrow-only")
            yield LineView(id="tabs", classes="-narrow-only")
            yield SharePanel(id="share")
            yield PendingPanel(id="pending")
            yield DepositsPanel(id="deposits")
            yield DiskPanel(id="disk")
            yield EventsPanel(id="events", classes="-active")

    @property
    def workers_panel(self) -> WorkersPanel:
        return self.query_one("#workers", WorkersPanel)

    @property
    def events_panel(self) -> EventsPanel:
        return self.query_one("#events", EventsPanel)

    @property
    def narrow(self) -> bool:
        return self.size.width < WIDE_CELLS or self.size.height < WIDE_LINES

    @property
    def target(self) -> Target:
        return Target(job=self.workers_panel.job, opens=self._page_of_panel() or self._job_under_cursor())

    @property
    def scopes(self) -> set[Scope]:
        return super().scopes | ({Scope.EVENTS} if isinstance(self.focused, EventsPanel) else set())

    def on_mount(self) -> None:
        super().on_mount()
        starting = _("connecting to the network, starting the workers …")
        if self.host.options.attached:
            starting = _("connecting to the node that runs here …")
        self.workers_panel.show_lines([line((starting, "muted"))])

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(self.narrow, "-narrow")
        super().on_resize(event)

    def show_content(self, frame: Frame) -> None:
        self._size_rows(frame)
        for name in _PANELS.values():
            self.query_one(f"#{name}", Panel).show_frame(frame)
        if self.narrow:
            width = self.size.width
            self._summary("#share-line", " 5 ", share_summary(frame, width - 3))
            self._summary("#deposit-line", " 3 ", deposit_summary(frame, width - 3))
            self.query_one("#tabs", LineView).show_lines([self._tab_line(frame, width)])

    def _summary(self, selector: str, number: str, summary: Line) -> None:
        self.query_one(selector, LineView).show_lines([Line(((number, "key"), *summary.spans))])

    def _size_rows(self, frame: Frame) -> None:
        """Give the workers the lines that they need, but leave some for the events."""
        workers = max(1, len(frame.rows))
        if frame.snapshot.from_chain_alone:
            self._set_rows(*_job_rows(workers, self.narrow, self._body_lines()))
            return
        height, above = self._body_lines(), headings(frame)
        if height <= 0:
            return
        if self.narrow:
            room = max(3, height - 3 - LEAST_EVENT_LINES)
            graphs_in = height - 3 - GOOD_EVENT_LINES
            text = TEXT_LINES if height >= TALL_LINES else 2
            middle, top = 0, _top_lines(workers, text, room, above=1 + above, graphs_in=graphs_in)
        else:
            middle = TALL_MIDDLE_LINES if height >= VERY_TALL_LINES else MIDDLE_LINES
            room = max(LEAST_TOP_LINES, height - middle - LEAST_EVENT_LINES)
            graphs_in = max(LEAST_TOP_LINES, height - middle - GOOD_EVENT_LINES)
            top = _top_lines(workers, TEXT_LINES, room, above=2 + above, graphs_in=graphs_in)
            top = max(LEAST_TOP_LINES, top)
        self._set_rows(top, middle)

    def _set_rows(self, top: int, middle: int) -> None:
        if (top, middle) == self._grid_lines:
            return
        self._grid_lines = (top, middle)
        self.workers_panel.styles.height = top if self.narrow else "1fr"
        self.query_one("#body", Body).styles.grid_rows = f"{top} {middle} 1fr"

    def _body_lines(self) -> int:
        """Return how many lines the panels have: counted, as the layout of a new banner is still to come."""
        banner = min(MOST_BANNER_LINES, len(self.query_one("#banner", LineView).lines))
        filtering = self.filter_line is not None and self.filter_line.has_class("-open")
        return self.size.height - HEADER_AND_KEYS_LINES - banner - filtering

    def _tab_line(self, frame: Frame, width: int) -> Line:
        names = {
            "pending": f"2 {_('Pending')} {len(frame.pending)}",
            "deposits": f"3 {_('Deposits')}",
            "disk": f"4 {_('Disk')}",
            "share": f"5 {_('Share')}",
            "events": f"6 {_('Events')}",
        }
        filtered = filter_words(self.events_panel.filter)
        gap = "" if filtered else " "  # what is filtered needs the room
        spans: list[Span] = []
        for tab, name in names.items():
            active = tab == self._tab
            mark = " ▸" if active else f"{gap} "
            spans.append((f"{mark}{name}{gap}", "title" if active else "muted"))
        if filtered:
            spans.append((f" {filtered}", "accent"))
        used = Line(tuple(spans)).width
        spans.append((" " + "─" * max(0, width - used - 2), "rule"))
        return fit(Line(tuple(spans)), width)

    def _show_tab(self, tab: str) -> None:
        self._tab = tab
        for name in _TABS:
            self.query_one(f"#{name}").set_class(name == tab, "-active")

    def show_panel(self, number: int) -> None:
        """Go to a panel; on a small terminal, bring it to the front."""
        name = _PANELS[number]
        if name in _TABS:
            self._show_tab(name)
        self.query_one(f"#{name}", Panel).focus()
        self.call_after_refresh(self.repaint)

    def open_filter(self) -> None:
        """Filter the events."""
        self._show_tab("events")
        super().open_filter()
        self.call_after_refresh(self.repaint)

    def apply_filter(self, words: str) -> None:
        panel = self.events_panel
        panel.set_filter(EventFilter(panel.filter.least, words))

    def focus_content(self) -> None:
        self.events_panel.focus()

    def go_back(self) -> None:
        """Close and clear the filter; else go back to the workers."""
        if self.close_filter(clear=True):
            self.focus_content()
        else:
            self.show_panel(1)

    def _page_of_panel(self) -> str | None:
        """Return the page of the focused panel, where that has one instead of a job."""
        name = self.focused.id if self.focused else None
        return name if name in _WITH_A_PAGE else None

    def _job_under_cursor(self) -> JobId | None:
        """Return the job under the cursor of the focused panel, of the workers where that has no cursor."""
        focused = self.focused
        if isinstance(focused, EventsPanel):
            return focused.event.job_id if focused.event else None
        panel = focused if isinstance(focused, PendingPanel) else self.workers_panel
        return panel.job.job_id if panel.job else None

    def open_details(self) -> None:
        """Show the page of the focused panel, or all about the job under the cursor."""
        if (page := self._page_of_panel()) is not None:
            self.host.pages.open(page)
        elif (job_id := self._job_under_cursor()) is not None:
            self.host.pages.open_job(job_id)


def _top_lines(workers: int, text: int, room: int, *, above: int, graphs_in: int) -> int:
    """Give each worker the same number of lines: graphs where all fit into `graphs_in`, else text alone.

    `above` are the lines of borders and headings.
    """
    each = block_lines((graphs_in - above) // workers)
    if each <= TEXT_LINES:
        each = max(1, min(text, (room - above) // workers))
    return min(each * workers + above, room)


def _job_rows(jobs: int, narrow: bool, height: int) -> tuple[int, int]:
    """Return the lines of the first panel and of the middle ones, with a line for each job."""
    if narrow:
        return min(jobs + 1, max(3, height - 3 - LEAST_EVENT_LINES)), 0
    middle = TALL_MIDDLE_LINES if height >= VERY_TALL_LINES else MIDDLE_LINES
    return max(LEAST_TOP_LINES, min(jobs + 2, height - middle - LEAST_EVENT_LINES)), middle
