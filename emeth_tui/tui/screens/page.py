"""A page of lines that scrolls, with what it shows taken from the node's records."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from emeth_tui.errors import EmethError
from emeth_tui.tui.action import Scope
from emeth_tui.tui.actions import opening_action
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import BLANK, Line, line
from emeth_tui.tui.host import host_of
from emeth_tui.tui.screens.base import NodeScreen
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

REST_SHARE = 10  # nor sooner than after so many times what the last one took


class PageView(LineView, can_focus=True):
    """Lines that scroll, with a chosen one where lines stand for things."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.ROWS)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._heading: list[Line] = []
        self._content: Sequence[Line] = []
        self._top = 0
        self.chosen: int | None = None

    def show_page(self, heading: list[Line], content: Sequence[Line], *, rows: bool) -> None:
        """Show lines under a heading that stays; with `rows` one of them is chosen."""
        self._heading, self._content = heading, content
        self.chosen = min(self.chosen or 0, max(0, len(content) - 1)) if rows else None
        self._paint()

    def to_line(self, index: int) -> None:
        """Show a line, at the top where there are enough below it."""
        self._top = index
        self._paint()

    def to_end(self) -> None:
        """Show the last lines."""
        self._top = len(self._content)
        self._paint()

    @property
    def at_end(self) -> bool:
        return self._top >= len(self._content) - self._room

    @property
    def in_view(self) -> range:
        """The lines that there is room for, by their place among all."""
        return range(self._top, self._top + self._room)

    @property
    def at_start(self) -> bool:
        return self._top == 0

    def move_down_with(self, rows: int) -> None:
        """Go down with the lines that are shown, where so many rows come before them."""
        self._top = max(0, self._top + rows)

    @property
    def scrolled_to_end(self) -> bool:
        """Whether the user has gone to the end of more than the page has room for."""
        return self._top > 0 and self.at_end

    @property
    def _room(self) -> int:
        return max(1, self.size.height - len(self._heading))

    def move_rows(self, rows: int) -> None:
        """Choose another row, or scroll where none is chosen."""
        if self.chosen is not None:
            self.chosen = max(0, min(self.chosen + rows, len(self._content) - 1))
            self.call_next(host_of(self).repaint)  # the heading may say more about the chosen line
        else:
            self._top += rows
        self._paint()

    def move_pages(self, pages: int) -> None:
        """Move by as many lines as there is room for."""
        self.move_rows(pages * self._room)

    def on_click(self, event: events.Click) -> None:
        """Choose the row that was clicked; a second click opens it."""
        row = self._top + event.get_content_offset_capture(self).y - len(self._heading)
        if self.chosen is None or not self._top <= row < len(self._content):
            return
        self.move_rows(row - self.chosen)
        screen = self.screen
        opening = opening_action(screen.SCOPE) if isinstance(screen, NodeScreen) else None
        if event.chain > 1 and opening is not None:
            self.call_later(host_of(self).act, opening.id)

    def on_mouse_scroll_down(self) -> None:
        self.move_rows(3)

    def on_mouse_scroll_up(self) -> None:
        self.move_rows(-3)

    def on_resize(self, _event: events.Resize) -> None:
        self._paint()

    def _paint(self) -> None:
        if self.chosen is not None:
            self._top = max(self.chosen - self._room + 1, min(self._top, self.chosen))
        self._top = max(0, min(self._top, len(self._content) - self._room))
        window = self._content[self._top : self._top + self._room]
        chosen = self.chosen
        self.show_lines(
            [
                *self._heading,
                *(
                    content.chosen(chosen is not None and index == chosen)
                    for index, content in enumerate(window, self._top)
                ),
            ]
        )


def _asking() -> Line:
    return line((_("asking the node …"), "muted"))


class PageScreen(NodeScreen):
    """A screen of one page. Subclasses decide what is on it."""

    FOLLOWS: ClassVar[bool] = False  # whether it has news that the node does not report
    LEAST_REST_S: ClassVar[float] = 1.0  # between two looks at the node's records
    AUTO_FOCUS = "#page"

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.words = words
        self.loaded = False
        self._loading = False
        self._outdated = False
        self._loaded_at_s = 0.0
        self._took_s = 0.0

    def on_mount(self) -> None:
        super().on_mount()
        self.page.show_page([], [_asking()], rows=False)
        self.reload()

    @property
    def first_filter(self) -> str:
        return self.words

    def compose_content(self) -> ComposeResult:
        yield PageView(id="page")

    @property
    def page(self) -> PageView:
        return self.query_one("#page", PageView)

    async def load(self, records: Records) -> None:
        """Take what is shown from the node's records; called when opened, and again while open."""

    def reload(self) -> None:
        """Load what is shown, now or as soon as the node has started."""
        if self.host.frame is None:
            return
        self._loaded_at_s = time.monotonic()
        self._outdated = True
        if not self._loading:
            self._loading = True
            self.app.run_worker(self._load(), name="records")

    def reload_if_due(self) -> bool:
        """Load again, but neither too often nor all the time; return whether it did."""
        rest_s = max(self.LEAST_REST_S, REST_SHARE * self._took_s)
        due = time.monotonic() - self._loaded_at_s >= rest_s
        if due:
            self.reload()
        return due

    async def _load(self) -> None:
        """Load until nothing newer is wanted: answers come at once, or through a socket."""
        try:
            while self._outdated:
                self._outdated = False
                began_s = time.monotonic()
                await self.load(self.host.node.records)
                self._took_s = time.monotonic() - began_s
                self.loaded = True
        except EmethError as error:
            self.host.note.show(text_of(error.reason), "bad")
        finally:
            self._loading = False
        if self.is_current:  # the answer may come when all screens are gone
            self.repaint()

    @property
    def has_rows(self) -> bool:
        """Whether lines can be chosen."""
        return False

    def heading(self, frame: Frame, width: int) -> list[Line]:
        """Return the lines that stay on top."""
        raise NotImplementedError

    def content(self, frame: Frame, width: int) -> Sequence[Line]:
        """Return all lines."""
        raise NotImplementedError

    def show_content(self, frame: Frame) -> None:
        width = self.size.width - 2
        heading = self.heading(frame, width)
        if self.loaded:
            self.page.show_page(self._filtered(heading), self.content(frame, width), rows=self.has_rows)
        else:  # of the heading, the title alone is true by now
            self.page.show_page([Line(heading[0].spans[:1]), BLANK], [_asking()], rows=False)

    def _filtered(self, heading: list[Line]) -> list[Line]:
        """Add to the first line what is filtered: the entry may be closed by now."""
        words = ("   / " + self.words, "accent") if self.words else ""
        return [line(*heading[0].spans, words), *heading[1:]]

    def apply_filter(self, words: str) -> None:
        self.words = words.lower()
        self.repaint()

    def passes(self, text: str) -> bool:
        """Whether a line of this text is to be shown."""
        lowered = text.lower()
        return all(word in lowered for word in self.words.split())

    def focus_content(self) -> None:
        self.page.focus()

    def go_back(self) -> None:
        """Close the filter, else the page."""
        if self.close_filter(clear=True):
            self.focus_content()
        else:
            self.dismiss()
