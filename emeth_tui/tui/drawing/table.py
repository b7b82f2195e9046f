"""Tables: columns as wide as what stands in them, the least needed left out where there is no room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct
from rich.cells import cached_cell_len as cell_len

from emeth_tui.tui.drawing.lines import Line, Span, fit, left, line, right

T = TypeVar("T")
ROOMY_CELLS = 110  # from here on columns stand further apart


class Column(Struct, Generic[T], frozen=True):
    """One column. The last one of a table takes the room that is left.

    `order` is what its rows are sorted by, None where that makes no sense. Where there is no room, the column
    with the greatest `spare` goes first; those with 0 stay. The last one may be cut to `least` cells before.
    """

    title: str
    show: Callable[[T], str | Span]
    order: Callable[[T], Any] | None = None
    to_left: bool = False
    spare: int = 0
    least: int = 0


class Layout(Struct, Generic[T], frozen=True):
    """The columns that there is room for, with their widths."""

    columns: tuple[Column[T], ...]
    widths: tuple[int, ...]
    gap: int

    def row(self, spans: Sequence[Span], width: int) -> Line:
        """Draw a row of cells."""
        parts: list[Span] = []
        last = len(self.columns) - 1
        for index, (column, cells, (text, role)) in enumerate(
            zip(self.columns, self.widths, spans, strict=True)
        ):
            if index:
                parts.append((" " * self.gap, ""))
            if index == last and column.to_left:
                parts.append((text, role))
            else:
                parts.append((left(text, cells) if column.to_left else right(text, cells), role))
        return fit(line(*parts), width)


def lay_out(
    columns: Sequence[Column[T]], cells: Sequence[Sequence[Span]], titles: Sequence[str], width: int
) -> tuple[Layout[T], list[int]]:
    """Return the layout of rows of cells under titles, and which columns are in it."""
    natural = [
        max([cell_len(title), *(cell_len(row[index][0]) for row in cells)])
        for index, title in enumerate(titles)
    ]
    gap = 3 if width >= ROOMY_CELLS else 2
    kept = list(range(len(columns)))
    last = len(columns) - 1

    def needed() -> int:
        flexible = min(natural[last], columns[last].least or natural[last])
        return sum(natural[index] for index in kept if index != last) + flexible + gap * (len(kept) - 1)

    for index in sorted((i for i in kept if columns[i].spare), key=lambda i: -columns[i].spare):
        if needed() <= width:
            break
        kept.remove(index)
    if needed() > width:
        gap = 1
    layout = Layout(tuple(columns[i] for i in kept), tuple(natural[i] for i in kept), gap)
    return layout, kept
