"""The widget under every panel and page: it paints lines, and only the cells that changed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol, cast

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from emeth_tui.tui.drawing.kept_strips import KeptStrips
from emeth_tui.tui.drawing.lines import BLANK, Line, changed_cells, cut, fit

if TYPE_CHECKING:
    from rich.style import Style

    from emeth_tui.tui.drawing.glyphs import Glyphs
    from emeth_tui.tui.drawing.themes import Palette

BORDER_CELLS = 6  # of a border's line, left free by a title


class Painted(Protocol):
    """The parts of an application that a view paints with (drawing.themed_app)."""

    glyphs: Glyphs
    palette: Palette


class LineView(KeptStrips, Widget):
    """Shows lines of styled text, cut at its edges. Its only state is what it shows."""

    DEFAULT_CSS = """
    LineView { height: 1; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._titles = ("", "")

    @property
    def painted(self) -> Painted:
        return cast("Painted", self.app)

    @property
    def lines(self) -> list[Line]:
        """The lines shown, one per row."""
        return self._lines

    def show_lines(self, lines: list[Line]) -> None:
        """Show other lines; unchanged cells are not repainted."""
        before, self._lines = self._lines, lines
        width = self.size.width
        changes = []
        for y, (old, new) in enumerate(zip_longest(before, lines, fillvalue=BLANK)):
            if old != new:
                start, end = changed_cells(old, new, width)
                if end > start:
                    changes.append(Region(start, y, end - start, 1))
        if changes:
            self.refresh(*changes)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the tip of the line under the mouse, if it has one."""
        offset = event.get_content_offset_capture(self)
        tip = self.tip_at(offset.x, offset.y)
        wanted = Content(self.painted.glyphs.text(tip)) if tip else None
        if str(wanted) != str(self.tooltip):
            self.tooltip = wanted

    def tip_at(self, x: int, y: int) -> str:
        """Return the tip for a cell, "" for none."""
        return self._lines[y].tip if 0 <= y < len(self._lines) else ""

    def set_title(self, title: str, subtitle: str = "") -> None:
        """Set the titles in the border, if they have changed."""
        room = max(0, self.outer_size.width - BORDER_CELLS)
        title = self.painted.glyphs.text(cut(title, room))
        subtitle = self.painted.glyphs.text(cut(subtitle, room))
        if (title, subtitle) != self._titles:
            self._titles = (title, subtitle)
            # Content, not str: a str would be read as markup, and titles may hold what a user typed.
            self.border_title = Content(title)
            self.border_subtitle = Content(subtitle)

    def render_line(self, y: int) -> Strip:
        """Paint one row."""
        width = self.painted_size.width
        content = fit(self._lines[y], width) if y < len(self._lines) else BLANK
        palette, glyphs = self.painted.palette, self.painted.glyphs
        styles = palette.styles_on(self.visual_style.rich_style, selected=content.selected)
        plain = styles[""]
        styled = [(text, styles.get(role, plain)) for text, role in content.spans]
        if rest := width - content.width:
            styled.append((" " * rest, plain))
        return Strip(_segments(styled, glyphs), width)


def _segments(styled: Iterable[tuple[str, Style]], glyphs: Glyphs) -> list[Segment]:
    """Return texts as segments, neighbours of the same style in one: equal styles are one object (themes)."""
    segments: list[Segment] = []
    together, current = "", None
    for text, style in styled:
        if style is current:
            together += text
            continue
        if together:
            segments.append(Segment(glyphs.text(together), current))
        together, current = text, style
    if together:
        segments.append(Segment(glyphs.text(together), current))
    return segments
