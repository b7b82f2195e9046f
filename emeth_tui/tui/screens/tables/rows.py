"""A page of rows that stand for things: the chosen one stays chosen when others come and go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.binding import BindingType

from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, line, wrap
from emeth_tui.tui.drawing.table import Column, Layout, lay_out
from emeth_tui.tui.screens.page import PageScreen

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame

T = TypeVar("T")


class RowsScreen(PageScreen, Generic[T]):
    """Lists things in columns. Subclasses decide which, and how each looks."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.TABLE)
    DETAIL_LINES: ClassVar[int] = 1  # under the title, for what the chosen row has no room for

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.shown: list[T] = []
        self._sorted_by: int | None = None  # None: as they come
        self._backwards = False
        self._layout: tuple[Layout[T], list[int]] | None = None
        self._cells: list[list[Span]] = []

    @property
    def scopes(self) -> set[Scope]:
        return super().scopes | {Scope.TABLE}

    @abstractmethod
    def items(self, frame: Frame) -> Sequence[T]:
        """Return everything that there is, before the filter."""

    @abstractmethod
    def key_of(self, item: T) -> Hashable:
        """Return what identifies an item."""

    @abstractmethod
    def columns(self, frame: Frame, width: int) -> Sequence[Column[T]]:
        """Return the columns, always as many."""

    @abstractmethod
    def top_line(self, frame: Frame) -> Line:
        """Return the page's name, and what all rows come to."""

    @abstractmethod
    def empty_text(self) -> str:
        """Return what stands there when there is nothing, or nothing matches the filter."""

    def summary(self, frame: Frame, width: int) -> list[Line]:
        """Return what stands over the rows, beside their sums."""
        return []

    def detail(self, item: T) -> Span:
        """Return what is to be read of the chosen item though its row may have no room for it."""
        return "", ""

    def searched_text(self, item: T) -> str:
        """Return what the filter searches beyond the row's own text."""
        return ""

    @property
    def has_rows(self) -> bool:
        return bool(self.shown)

    @property
    def chosen_item(self) -> T | None:
        chosen = self.page.chosen
        return self.shown[chosen] if chosen is not None and chosen < len(self.shown) else None

    def sort_by_next(self) -> None:
        """Sort by the next column; after the last one, show the rows as they come."""
        frame = self.host.frame
        if frame is None:
            return
        columns = self.columns(frame, self.size.width - 2)
        kept = self._layout[1] if self._layout else range(len(columns))
        sortable = [index for index in kept if columns[index].order]
        later = [index for index in sortable if self._sorted_by is None or index > self._sorted_by]
        self._sorted_by = later[0] if later else None
        self.repaint()

    def turn_order(self) -> None:
        """Show the rows the other way round."""
        self._backwards = not self._backwards
        self.repaint()

    def heading(self, frame: Frame, width: int) -> list[Line]:
        """Return the title, the chosen row's detail, and the columns' names."""
        columns = self.columns(frame, width)
        rows = self._arrange(frame, columns)
        layout, kept = self._layout = lay_out(columns, rows, self._titles(columns), width)
        titles = [self._titles(columns)[index] for index in kept]
        chosen = self.chosen_item or next(iter(self.shown), None)
        text, role = self.detail(chosen) if chosen is not None else ("", "")
        details = [*(wrap(text, width, role) if text else []), *[BLANK] * self.DETAIL_LINES]
        names = layout.row([(title, "muted") for title in titles], width)
        return [self.top_line(frame), *self.summary(frame, width), *details[: self.DETAIL_LINES], names]

    def content(self, frame: Frame, width: int) -> list[Line]:
        if self._layout is None or not self.shown:
            return [line((self.empty_text(), "muted"))]
        layout, kept = self._layout
        return [layout.row([cells[index] for index in kept], width) for cells in self._cells]

    def _titles(self, columns: Sequence[Column[T]]) -> list[str]:
        sign = "↑" if self._backwards else "↓"
        return [
            f"{column.title} {sign}" if index == self._sorted_by else column.title
            for index, column in enumerate(columns)
        ]

    def _arrange(self, frame: Frame, columns: Sequence[Column[T]]) -> list[list[Span]]:
        """Filter and sort; the chosen item stays chosen."""
        chosen = self.chosen_item
        items = list(self.items(frame))
        order = None if self._sorted_by is None else columns[self._sorted_by].order
        if order is not None:
            items.sort(key=order, reverse=not self._backwards)
        elif self._backwards:
            items.reverse()
        passing = []
        for item in items:
            cells = [_span(column.show(item)) for column in columns]
            texts = [*(text for text, _role in cells), self.searched_text(item)]
            if not self.words or self.passes(" ".join(texts)):
                passing.append((item, cells))
        self.shown = [item for item, _cells in passing]
        self._cells = [cells for _item, cells in passing]
        if chosen is not None:
            self._stay_with(self.key_of(chosen))
        return self._cells

    def _stay_with(self, key: Hashable) -> None:
        for index, item in enumerate(self.shown):
            if self.key_of(item) == key:
                self.page.chosen = index


def _span(cell: str | Span) -> Span:
    return (cell, "") if isinstance(cell, str) else cell
