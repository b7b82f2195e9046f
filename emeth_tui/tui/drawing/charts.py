"""Curves drawn with characters, in terminal cells. No Textual here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emeth_tui.tui.drawing.lines import Line, Span, line, right

if TYPE_CHECKING:
    from emeth_tui.tui.drawing.glyphs import Glyphs

MOST_APART = 4  # cells between the points of a curve
SCALE_CELLS = 9  # the scale at the left, with its axis


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at x = 1, 2, …; those that are not finite are left out."""

    values: Sequence[float]
    mark: str
    role: str


def chart(curves: Sequence[Curve], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Draw curves over each other on one scale, the first on top; too many points are thinned evenly.

    The x axis takes two lines. With fewer than two points, return no lines.
    """
    count = max((len(curve.values) for curve in curves), default=0)
    finite = [value for curve in curves for value in curve.values if math.isfinite(value)]
    cells = width - SCALE_CELLS
    if count < 2 or not finite or cells < 2 or height < 4:
        return []
    columns = _columns(count, cells)
    rows = height - 2
    grid: list[dict[int, Span]] = [{} for _row in range(rows)]
    low, high = min(finite), max(finite)
    for curve in reversed(curves):
        for column, index in columns:
            value = curve.values[index] if index < len(curve.values) else math.nan
            if math.isfinite(value):
                grid[_row_of(value, low, high, rows)][column] = (curve.mark, curve.role)
    length = columns[-1][0] + 1
    return [*_body(grid, length, low, high), *_axis(length, count, glyphs)]


def _columns(count: int, cells: int) -> list[tuple[int, int]]:
    """Return pairs of a column and the index of the value drawn there."""
    apart = max(1, min(MOST_APART, (cells - 1) // (count - 1)))
    points = min(count, (cells - 1) // apart + 1)
    step = (count - 1) / (points - 1)
    return [(point * apart, round(point * step)) for point in range(points)]


def _row_of(value: float, low: float, high: float, rows: int) -> int:
    share = (value - low) / (high - low) if high > low else 0.5
    return round((1 - share) * (rows - 1))


def _body(grid: list[dict[int, Span]], length: int, low: float, high: float) -> list[Line]:
    labels = {0: f"{high:.3f}", len(grid) - 1: f"{low:.3f}"}
    lines = []
    for number, row in enumerate(grid):
        spans = [row.get(column, (" ", "")) for column in range(length)]
        lines.append(line((right(labels.get(number, ""), SCALE_CELLS - 2) + " │", "muted"), *spans))
    return lines


def _axis(length: int, count: int, glyphs: Glyphs) -> list[Line]:
    last = str(count)
    numbers = "1" + right(last, length - 1) if length > len(last) + 1 else "1"
    axis = " " * (SCALE_CELLS - 1) + ("+" if glyphs.ascii_only else "└") + glyphs.bar_empty * length
    return [line((axis, "muted")), line((" " * SCALE_CELLS + numbers, "muted"))]
