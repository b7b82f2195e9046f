"""The log files of the node and its workers: newest lines last, and followed while the end is in view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.model import JobId
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, fit, line
from emeth_tui.tui.screens.log_lines import lines_of_job, log_rows, other_beginning
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

NODE_LOG = "node.log"
TAIL_BYTES = 64_000
MOST_BYTES = 1_000_000  # back from the end; what is older is found by searching
MOST_FOUND = 1_000  # lines


class LogScreen(PageScreen):
    """One log file at a time, or in it the lines of one job. Scrolled to its top, it reads further back."""

    FOLLOWS = True
    SCOPE = Scope.LOG
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.LOG)

    def __init__(self, first: str = "", job_id: JobId | None = None) -> None:
        super().__init__()
        self._first = first
        self._job_id = job_id
        self.paths: Sequence[Path] = ()
        self.text: Sequence[str] = ()
        self._index = 0
        self._opened = True
        self._bytes = TAIL_BYTES
        self._shown: list[str] = []
        self._rows: list[Line] = []
        self._rows_of: object = None

    async def load(self, records: Records) -> None:
        self.paths = await records.logs()
        names = [path.name for path in self.paths]
        if self._first in names:
            self._index, self._first = names.index(self._first), ""
        self._index = min(self._index, max(0, len(self.paths) - 1))
        if not self.paths:
            self.text = ()
        elif (words := self.words.split()) and self._job_id is None:
            self.text = await records.log_search(self.paths[self._index], words, MOST_FOUND)
        else:
            self.text = await records.log_tail(self.paths[self._index], self._bytes)

    def show_file(self, step: int) -> None:
        """Show the next log file, or the one before."""
        if self.paths:
            self._index = (self._index + step) % len(self.paths)
            self._job_id = None
            self._opened = True
            self._bytes = TAIL_BYTES
            self.loaded = False
            self.reload()
            self.repaint()

    def heading(self, frame: Frame, width: int) -> list[Line]:
        spans: list[Span] = [(_("Log") + "  ", "title")]
        for index, path in enumerate(self.paths):
            here = index == self._index
            spans.append((f" {'▸' if here else ' '}{path.name} ", "title" if here else "muted"))
        own = BLANK
        if self._job_id is not None:
            only = _("only the lines of job {job}; Tab shows whole files").format(job=short(self._job_id))
            own = line((only, "accent"))
        return [fit(Line(tuple(spans)), width), fit(own, width)]

    def content(self, frame: Frame, width: int) -> list[Line]:
        wanted = (self.text, width, self.words, self._job_id)
        if wanted != self._rows_of:  # wrapping a megabyte takes its time
            self._rows_of, before = wanted, self._shown
            self._shown = [text for text in self._own_text() if self.passes(text)]
            self._rows = [row for text in self._shown for row in log_rows(text, width)]
            came, went = other_beginning(before, self._shown)
            rows = sum(len(log_rows(text, width)) for text in self._shown[:came])
            rows -= sum(len(log_rows(text, width)) for text in before[:went])
            self.page.move_down_with(rows)
        if not self._rows:
            return [line((_("no log yet") if not self.words else _("no line matches the filter"), "muted"))]
        return self._rows

    def _own_text(self) -> Sequence[str]:
        if self._job_id is None or not self.paths:
            return self.text
        by_worker = self.paths[self._index].name != NODE_LOG
        return lines_of_job(self.text, self._job_id, by_worker=by_worker)

    def apply_filter(self, words: str) -> None:
        """Search all of the log, also what was rotated away; for a job, as far back as the page can read."""
        super().apply_filter(words)
        self._opened = True
        if words:
            self._bytes = MOST_BYTES
        self.reload()

    def show_content(self, frame: Frame) -> None:
        follow = self._opened or self.page.at_end
        super().show_content(frame)
        if not self.page.size.height:
            return
        if follow:
            self._opened = False
            self.page.to_end()
        elif self.loaded and self.page.at_start and self._bytes < MOST_BYTES:
            self._bytes = MOST_BYTES
            self.reload()
