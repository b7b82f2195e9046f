"""What the panels have in common: a title, the frame, and a cursor where there are rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType

from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.host import Host, host_of
from emeth_tui.words.translation import spoken

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame


class Panel(LineView, can_focus=True):
    """A numbered panel. Subclasses draw from `self.frame`; they never ask the node."""

    def __init__(self, *, id: str, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.frame: Frame | None = None
        self._drawn_from: object = None

    @property
    def host(self) -> Host:
        return host_of(self)

    def show_frame(self, frame: Frame) -> None:
        """Take a newer frame and paint what is different in it."""
        self.frame = frame
        self.repaint()

    def repaint(self) -> None:
        """Draw again from the frame that is there."""
        frame = self.frame
        if frame is None or not self.size.width or not self.size.height:
            return
        state = self._state(frame)
        if state is None or state != self._drawn_from:
            self.draw(frame, self.size.width, self.size.height)
            self._drawn_from = self._state(frame)  # to draw may have moved the cursor

    def inputs(self, frame: Frame) -> object:
        """Return all that is drawn from: while it stays the same, so do the lines. None: draw each time."""
        return None

    def _state(self, frame: Frame) -> object:
        inputs = self.inputs(frame)
        if inputs is None:
            return None
        return inputs, self.size, self.outer_size, self.has_focus, spoken()

    def draw(self, frame: Frame, width: int, height: int) -> None:
        raise NotImplementedError

    def on_resize(self, _event: events.Resize) -> None:
        self.repaint()

    def on_focus(self, _event: events.Focus) -> None:
        self.repaint()

    def on_blur(self, _event: events.Blur) -> None:
        self.repaint()


class CursorPanel(Panel):
    """A panel with rows, one of which is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.ROWS)
    PAGE_ROWS: ClassVar[int] = 10

    def __init__(self, *, id: str, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.chosen = 0

    @property
    def row_count(self) -> int:
        raise NotImplementedError

    def move_rows(self, rows: int) -> None:
        """Choose another row."""
        self.chosen = max(0, min(self.chosen + rows, self.row_count - 1))
        self.repaint()
        self.host.update_keys()

    def move_pages(self, pages: int) -> None:
        """Choose a row further away."""
        self.move_rows(pages * self.PAGE_ROWS)

    def keep_chosen(self) -> None:
        """Stay on a row that exists."""
        self.chosen = max(0, min(self.chosen, self.row_count - 1))
