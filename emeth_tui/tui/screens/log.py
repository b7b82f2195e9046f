"""The log files of the node and its workers: newest lines last, and followed while the end is in view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.foreign_text import clean
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, fit, line
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records


class LogScreen(PageScreen):
    """One log file at a time."""

    FOLLOWS = True
    SCOPE = Scope.LOG
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.LOG)

    def __init__(self, first: str = "") -> None:
        super().__init__()
        self._first = first
        self.paths: Sequence[Path] = ()
        self.text: Sequence[str] = ()
        self._index = 0
        self._opened = True

    async def load(self, records: Records) -> None:
        self.paths = await records.logs()
        names = [path.name for path in self.paths]
        if self._first in names:
            self._index, self._first = names.index(self._first), ""
        self._index = min(self._index, max(0, len(self.paths) - 1))
        self.text = await records.log_tail(self.paths[self._index]) if self.paths else ()

    def show_file(self, step: int) -> None:
        """Show the next log file, or the one before."""
        if self.paths:
            self._index = (self._index + step) % len(self.paths)
            self._opened = True
            self.loaded = False
            self.reload()
            self.repaint()

    def heading(self, frame: Frame, width: int) -> list[Line]:
        spans: list[Span] = [(_("Log") + "  ", "title")]
        for index, path in enumerate(self.paths):
            here = index == self._index
            spans.append((f" {'▸' if here else ' '}{path.name} ", "title" if here else "muted"))
        return [fit(Line(tuple(spans)), width), BLANK]

    def content(self, frame: Frame, width: int) -> list[Line]:
        shown = [text for text in self.text if self.passes(text)]
        if not shown:
            return [line((_("no log yet") if not self.words else _("no line matches the filter"), "muted"))]
        return [fit(line((clean(text), _role(text))), width) for text in shown]

    def show_content(self, frame: Frame) -> None:
        follow = self._opened or self.page.at_end
        super().show_content(frame)
        if follow and self.page.size.height:
            self._opened = False
            self.page.to_end()


def _role(text: str) -> str:
    if " ERROR " in text or " CRITICAL " in text:
        return "bad"
    return "warn" if " WARNING " in text else ""
