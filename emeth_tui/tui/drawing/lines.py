"""Lines of styled text, measured in terminal cells, of which panels and screens consist. No Textual here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.cells import cached_cell_len as cell_len  # a cache hit is C, without a Python call
from rich.cells import chop_cells, set_cell_size

if TYPE_CHECKING:
    from emeth_tui.tui.drawing.glyphs import Glyphs

Span = tuple[str, str]  # text, and the role that it plays (themes.ROLES); "" is plain text
ELLIPSIS = "…"
NO_BREAK = "\u00a0"
_BEFORE_UNIT = re.compile(  # as formats.duration writes lengths of time
    r"(?<=\d) (?=[hd] \d\d|min\b|s\b|時間|分|秒|日|(?:EMT|UTC)\b)|(?<=\d [hd]) (?=\d\d)"
    r"|(?<=時間) (?=\d\d)|(?<=日) (?=\d\d)"
)


class Line(Struct, frozen=True, dict=True):
    """One line. `selected` paints it as selected, `tip` is shown when the mouse rests on it."""

    spans: tuple[Span, ...] = ()
    selected: bool = False
    tip: str = ""

    @property
    def text(self) -> str:
        return "".join([text for text, _role in self.spans])

    @cached_property
    def width(self) -> int:
        """Its width in cells."""
        return width_of(self.spans)

    def tipped(self, tip: str) -> Line:
        return Line(self.spans, self.selected, tip)

    def chosen(self, selected: bool) -> Line:
        return self if selected == self.selected else Line(self.spans, selected, self.tip)


def line(*parts: str | Span, selected: bool = False, tip: str = "") -> Line:
    """Return a line of plain texts and spans."""
    return Line(tuple((part, "") if isinstance(part, str) else part for part in parts if part), selected, tip)


BLANK = Line()


def width_of(spans: Iterable[Span]) -> int:
    """Return how many cells some spans take."""
    return sum([cell_len(text) for text, _role in spans])


def cut(text: str, width: int) -> str:
    """Cut a text to at most `width` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def left(text: str, width: int) -> str:
    """Cut or pad a text to exactly `width` cells, left-aligned."""
    text = cut(text, width)
    return text + " " * (width - cell_len(text))


def right(text: str, width: int) -> str:
    """Cut or pad a text to exactly `width` cells, right-aligned: for numbers."""
    text = cut(text, width)
    return " " * (width - cell_len(text)) + text


def fit(content: Line, width: int) -> Line:
    """Cut a line to at most `width` cells."""
    if content.width <= width:
        return content
    spans: list[Span] = []
    room = width
    for text, role in content.spans:
        if cell_len(text) >= room:
            spans.append((cut(text + ELLIPSIS, room), role))
            break
        spans.append((text, role))
        room -= cell_len(text)
    return Line(tuple(spans), content.selected, content.tip)


def changed_cells(old: Line, new: Line, width: int) -> tuple[int, int]:
    """Return the range of cells in which the second line looks different, both cut to `width` cells."""
    if old.selected != new.selected:
        return 0, width
    old, new = fit(old, width), fit(new, width)
    first = _same_cells(old.spans, new.spans)
    old_width, new_width = old.width, new.width
    if old_width != new_width:
        return first, max(old_width, new_width)
    return first, max(first, new_width - _same_cells(reversed(old.spans), reversed(new.spans)))


def _same_cells(one: Iterable[Span], other: Iterable[Span]) -> int:
    """Return the width of the spans with which both lines begin."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(one, other))  # noqa: B905 - as far as both go
    return width_of(span for span, _same in alike)


def spread(start: Iterable[Span], end: Iterable[Span], width: int) -> Line:
    """Put one group at the left edge and one at the right; the left one is cut when both do not fit."""
    ending = Line(tuple(end))
    beginning = fit(Line(tuple(start)), max(0, width - ending.width - 1))
    gap = max(0, width - beginning.width - ending.width)
    return fit(Line((*beginning.spans, (" " * gap, ""), *ending.spans)), width)


def join(groups: Iterable[Sequence[Span]], width: int, gap: int = 3) -> Line:
    """Join groups of spans, leaving out those at the end that do not fit completely."""
    spans: list[Span] = []
    used = 0
    for group in groups:
        size = width_of(group)
        between = gap if spans else 0
        if not size:
            continue
        if used + between + size > width:
            break
        spans += [(" " * between, ""), *group] if between else list(group)
        used += between + size
    return Line(tuple(spans))


def wrap(text: str, width: int, role: str = "", indent: str = "") -> list[Line]:
    """Break a text into lines of at most `width` cells, at spaces where there are any but before a unit."""
    rows: list[str] = []
    current = ""
    for word in _BEFORE_UNIT.sub(NO_BREAK, text).split(" "):
        candidate = f"{current} {word}" if current else word
        if cell_len(candidate) <= width - cell_len(indent):
            current = candidate
            continue
        if current:
            rows.append(current)
        pieces = chop_cells(word, max(2, width - cell_len(indent))) or [""]
        rows += pieces[:-1]
        current = pieces[-1]
    return [line((indent + row.replace(NO_BREAK, " "), role)) for row in [*rows, current]]


def bar(fraction: float, width: int, glyphs: Glyphs, role: str = "accent") -> tuple[Span, Span]:
    """Draw a progress bar of `width` cells, in half cells."""
    halves = round(min(1.0, max(0.0, fraction)) * width * 2)
    full = glyphs.bar_full * (halves // 2) + (glyphs.bar_half if halves % 2 else "")
    return (full, role), (glyphs.bar_empty * (width - len(full)), "rule")


def sparkline(values: Sequence[float], width: int, glyphs: Glyphs, *, floor: float = 0.0) -> str:
    """Draw the newest values, one per cell, padded at the left to `width`.

    The scale runs from the `floor` share of the greatest value to that value.
    """
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    last = len(glyphs.levels) - 1
    shares = [(value / top - floor) / (1 - floor) for value in shown] if top > 0 else []
    cells = [glyphs.levels[round(max(0.0, share) * last)] for share in shares]
    return "".join(cells).rjust(width)
