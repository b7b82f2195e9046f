"""Every worker over the last minutes, hour or day, and the EMT of each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.money.earnings import DayAccount
from emeth_tui.engine.view.series import POINTS, SPANS, STEPS_S, Series, Span
from emeth_tui.foreign_text import clean
from emeth_tui.model import WEI_PER_TOKEN
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.graphs import GAP_CELLS, Graph, graph_lines, in_a_row
from emeth_tui.tui.drawing.lines import BLANK, Line, line
from emeth_tui.tui.panels.graphs import worker_graphs
from emeth_tui.tui.panels.share import day_graph
from emeth_tui.tui.screens.day_accounts import DayAccounts
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.words.formats import duration
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

MOST_IN_A_ROW = 3
LEAST_CELLS = 36  # of a graph, before there are fewer in a row
SMALL_LINES, LARGE_LINES = 5, 7  # of a graph with its title
TALL = 40  # lines of a screen
DAYS_SHOWN = 30
MOST_DAY_CELLS = 120


class GraphsScreen(PageScreen):
    """Graphs of each worker, and of the days."""

    FOLLOWS = True
    SCOPE = Scope.GRAPHS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.GRAPHS)

    def __init__(self) -> None:
        super().__init__()
        self.span: Span = SPANS[0]
        self.series: Series | None = None
        self.jobs: Sequence[Job] = ()
        self._ended: tuple[Sequence[Job], int | None] | None = None  # today, when the jobs were loaded
        self._accounts = DayAccounts()

    async def load(self, records: Records) -> None:
        ended = _ended_today(self.host.frame)
        if ended != self._ended:
            self.jobs = await records.history()
            self._ended = ended
        self.series = await records.series(self.span, POINTS)

    def show_span(self, step: int) -> None:
        """Show a longer or a shorter time."""
        self.span = SPANS[(SPANS.index(self.span) + step) % len(SPANS)]
        self.reload()
        self.repaint()

    def heading(self, frame: Frame, width: int) -> list[Line]:
        lasts_s = STEPS_S[self.span] * POINTS
        text = _("the last {time}, a value every {step}").format(
            time=duration(lasts_s), step=duration(STEPS_S[self.span])
        )
        return [line((_("Graphs"), "title"), ("   " + text, "muted")), BLANK]

    def content(self, frame: Frame, width: int) -> list[Line]:
        lines = [part for worker in self._workers(frame, width) for part in worker]
        return [*lines, *self._days(frame, width)] or [line((_("no device matches the filter"), "muted"))]

    def _workers(self, frame: Frame, width: int) -> list[list[Line]]:
        names = {worker.index: clean(worker.device_name) for worker in frame.snapshot.workers}
        series = self.series.workers if self.series and self.series.span == self.span else ()
        sharing = Counter(worker.device for worker in series)
        blocks = []
        for worker in series:
            name = names.get(worker.worker, "")
            number = "  " + _("worker {n}").format(n=worker.worker) if sharing[worker.device] > 1 else ""
            if self.passes(f"{worker.device}{number} {name}"):
                title = line((worker.device, "title"), (number, ""), ("  " + name, "muted"))
                graphs = self._rows(worker_graphs(worker, POINTS), width)
                blocks.append([title, *(graphs or [line((_("nothing is measured yet"), "muted")), BLANK])])
        return blocks

    def _rows(self, graphs: Sequence[Graph], width: int) -> list[Line]:
        """Draw graphs in as many rows as they take."""
        each = max(1, min(MOST_IN_A_ROW, len(graphs), (width + GAP_CELLS) // (LEAST_CELLS + GAP_CELLS)))
        cells = (width + GAP_CELLS) // each - GAP_CELLS
        lines: list[Line] = []
        for first in range(0, len(graphs), each):
            lines += in_a_row(graphs[first : first + each], width, self._graph_lines, cells, self.host.glyphs)
            lines.append(BLANK)
        return lines

    @property
    def _graph_lines(self) -> int:
        return LARGE_LINES if self.size.height >= TALL else SMALL_LINES

    def _days(self, frame: Frame, width: int) -> list[Line]:
        """Draw what each day came to, unless devices are looked for."""
        today = frame.snapshot.today
        if self.words or today is None or not self.jobs:
            return []
        days = {day.slot: _emt(day) for day in self._accounts.of(self.jobs, today)}
        graph = day_graph(days, today.share.slot, DAYS_SHOWN, _("today"))
        note = _("income less losses by UTC day; rewards that wait are estimated")
        title = line((_("EMT by day"), "title"), ("   " + note, "muted"))
        cells = min(width, MOST_DAY_CELLS)
        return [title, *graph_lines(graph, cells, self._graph_lines, self.host.glyphs)]


def _ended_today(frame: Frame | None) -> tuple[Sequence[Job], int | None] | None:
    """Return the jobs that have ended today, and which day that is."""
    if frame is None:
        return None
    today = frame.snapshot.today
    return frame.snapshot.ended_today, today.share.slot if today else None


def _emt(day: DayAccount) -> float:
    return (day.total_wei + day.estimated_wei) / WEI_PER_TOKEN
