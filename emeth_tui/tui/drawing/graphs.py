"""Small graphs of values over time: columns of blocks, the newest at the right. No Textual here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from emeth_tui.tui.drawing.lines import BLANK, Line, Span, cut, left, line, width_of

if TYPE_CHECKING:
    from emeth_tui.tui.drawing.glyphs import Glyphs

GAP_CELLS = 2  # between graphs in a row
MOST_BAR_CELLS = 6

Values = Sequence["float | None"]


class Graph(Struct, frozen=True):
    """One quantity over time; None where nothing is known. `shown` writes a value of it.

    The scale goes from `low` to `high`, where they are None from the least to the greatest value.
    `points` is the whole span: where fewer values are known, they stand at its end.
    """

    title: str
    values: Values
    points: int
    shown: Callable[[float], str]
    low: float | None = 0.0
    high: float | None = None
    role: str = "accent"
    bars: bool = False  # each value stands apart

    @property
    def newest(self) -> float | None:
        return self.values[-1] if self.values else None


def in_a_row(graphs: Sequence[Graph], width: int, height: int, cells: int, glyphs: Glyphs) -> list[Line]:
    """Draw graphs beside each other, each `cells` wide; those at the end that do not fit are left out."""
    if min(width, cells) < 1:
        return [BLANK] * height
    fitting = graphs[: max(1, (width + GAP_CELLS) // (cells + GAP_CELLS))]
    columns = [graph_lines(graph, min(cells, width), height, glyphs) for graph in fitting]
    gap = (" " * GAP_CELLS, "")
    rows = []
    for row in range(height):
        spans: list[Span] = []
        for column in columns:
            padding = " " * (cells - column[row].width)
            spans += [*([gap] if spans else []), *column[row].spans, (padding, "")]
        rows.append(line(*spans))
    return rows


def graph_lines(graph: Graph, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Draw a graph under its title, in `height` lines."""
    if width < 1:
        return [BLANK] * height
    known = [value for value in graph.values if value is not None]
    if not known:
        return [_title(graph, known, width), *[BLANK] * (height - 1)]
    columns = graph.points if graph.bars else width
    rows = _blocks(_shares(graph, _resampled(graph.values, graph.points, columns), known), height - 1, glyphs)
    if graph.bars:
        rows = [_apart(row, min(MOST_BAR_CELLS, max(1, width // graph.points))) for row in rows]
    return [_title(graph, known, width), *(line((row, graph.role)) for row in rows)]


def _title(graph: Graph, known: Sequence[float], width: int) -> Line:
    """Name the quantity, its newest value, and where there is room its least and greatest."""
    if graph.newest is None:
        return line((left(graph.title, width), "muted"))
    newest = graph.shown(graph.newest)
    start: list[Span] = [(graph.title + " ", "muted"), (newest, "")]
    extent = f"{graph.shown(min(known))}–{graph.shown(max(known))}"
    room = width - width_of(start)
    if len(extent) + 2 <= room:
        return line(*start, (" " * (room - len(extent)) + extent, "muted"))
    if room < 0:
        return line((cut(newest, width), ""))
    return line(*start)


def _resampled(values: Values, points: int, width: int) -> list[float | None]:
    """Return `width` means of equal parts of the whole span, the last `points` values."""
    newest = list(values)[-points:]
    padded: list[float | None] = [*[None] * (points - len(newest)), *newest]
    edges = [column * points // width for column in range(width + 1)]
    return [_mean(padded[start : max(end, start + 1)]) for start, end in pairwise(edges)]


def _mean(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _shares(graph: Graph, means: Values, known: Sequence[float]) -> Values:
    """Return how high each value stands, from 0 to 1."""
    low = min(known) if graph.low is None else graph.low
    high = max(known) if graph.high is None else graph.high
    flat = 0.5 if graph.low is None else 0.0
    return [
        None if value is None else min(1.0, max(0.0, (value - low) / (high - low))) if high > low else flat
        for value in means
    ]


def _blocks(shares: Values, rows: int, glyphs: Glyphs) -> list[str]:
    """Draw each share as a column of blocks, at least the lowest one; nothing where nothing is known."""
    steps = len(glyphs.levels)
    heights = [0 if share is None else max(1, round(share * rows * steps)) for share in shares]
    return [
        "".join(_block(height - row * steps, glyphs) for height in heights) for row in range(rows - 1, -1, -1)
    ]


def _block(height: int, glyphs: Glyphs) -> str:
    return " " if height <= 0 else glyphs.levels[min(height, len(glyphs.levels)) - 1]


def _apart(row: str, cells: int) -> str:
    """Widen each column to some cells, the last of them free."""
    if cells == 1:
        return row
    return "".join(block * (cells - 1) + " " for block in row)
