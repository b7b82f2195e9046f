"""A page of rows that stand for things: the chosen one stays chosen when others come and go.

There may be tens of thousands: rows are drawn when they come into view, a long list is filtered in slices.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar, overload

from textual.binding import BindingType

from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, line, wrap
from emeth_tui.tui.drawing.table import Column, Layout, lay_out
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.tui.why_not import Target

if TYPE_CHECKING:
    from emeth_tui.model import JobId
    from emeth_tui.tui.frame import Frame

T = TypeVar("T")
SLICE_ITEMS = 200  # filtered at a time
MEASURED_ROWS = 200  # of a longer list, how wide columns are is measured on these and those in view


@dataclass(frozen=True, slots=True)
class _Wanted(Generic[T]):
    """What the rows follow from."""

    items: Sequence[T]
    sorted_by: int | None
    backwards: bool
    words: str

    def is_met_by(self, other: _Wanted[T] | None) -> bool:
        """Whether other rows are the same. Items are compared where that is quicker than to filter them."""
        if other is None or self._order != other._order:
            return False
        return self.items is other.items or (self.in_slices and self.items == other.items)

    @property
    def in_slices(self) -> bool:
        """Whether there are too many to filter in one go."""
        return bool(self.words) and len(self.items) > SLICE_ITEMS

    @property
    def _order(self) -> tuple[int | None, bool, str]:
        return self.sorted_by, self.backwards, self.words


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
        self._wanted: _Wanted[T] | None = None

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
    def target(self) -> Target:
        return Target(row_count=len(self.shown))

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
        self._arrange(frame, columns)
        rows = [_cells(item, columns) for item in self._measured]
        layout, kept = self._layout = lay_out(columns, rows, self._titles(columns), width)
        titles = [self._titles(columns)[index] for index in kept]
        chosen = self.chosen_item or next(iter(self.shown), None)
        text, role = self.detail(chosen) if chosen is not None else ("", "")
        details = [*(wrap(text, width, role) if text else []), *[BLANK] * self.DETAIL_LINES]
        names = layout.row([(title, "muted") for title in titles], width)
        return [self.top_line(frame), *self.summary(frame, width), *details[: self.DETAIL_LINES], names]

    def content(self, frame: Frame, width: int) -> Sequence[Line]:
        if self._layout is None or not self.shown:
            return [line((self.empty_text(), "muted"))]
        layout = self._layout[0]
        return _DrawnInView(self.shown, lambda item: layout.row(_cells(item, layout.columns), width))

    @property
    def _measured(self) -> Sequence[T]:
        if len(self.shown) <= MEASURED_ROWS:
            return self.shown
        in_view = self.page.in_view
        return [*self.shown[:MEASURED_ROWS], *self.shown[in_view.start : in_view.stop]]

    def _titles(self, columns: Sequence[Column[T]]) -> list[str]:
        sign = "↑" if self._backwards else "↓"
        return [
            f"{column.title} {sign}" if index == self._sorted_by else column.title
            for index, column in enumerate(columns)
        ]

    def _arrange(self, frame: Frame, columns: Sequence[Column[T]]) -> None:
        """Filter and sort, where anything has changed."""
        wanted = _Wanted(self.items(frame), self._sorted_by, self._backwards, self.words)
        if wanted.is_met_by(self._wanted):
            return
        self._wanted = wanted
        items = _in_order(wanted, columns)
        if wanted.in_slices:
            self.run_worker(self._sift(wanted, items, columns), name="sifting")
        else:
            self._show(self._passing(items, columns) if self.words else items)

    async def _sift(self, wanted: _Wanted[T], items: Sequence[T], columns: Sequence[Column[T]]) -> None:
        """Filter a long list, with a turn for everything else after each slice."""
        passing: list[T] = []
        for start in range(0, len(items), SLICE_ITEMS):
            passing += self._passing(items[start : start + SLICE_ITEMS], columns)
            await asyncio.sleep(0)
            if self._wanted is not wanted or not self.ready:
                return
        self._show(passing)
        if self.is_current:
            self.repaint()

    def _passing(self, items: Sequence[T], columns: Sequence[Column[T]]) -> list[T]:
        return [item for item in items if self.passes(self._text(item, columns))]

    def _text(self, item: T, columns: Sequence[Column[T]]) -> str:
        return " ".join([*(text for text, _role in _cells(item, columns)), self.searched_text(item)])

    def _show(self, items: list[T]) -> None:
        """Show these; the chosen item stays chosen."""
        chosen = self.chosen_item
        self.shown = items
        if chosen is not None:
            self._stay_with(self.key_of(chosen))

    def _stay_with(self, key: Hashable) -> None:
        for index, item in enumerate(self.shown):
            if self.key_of(item) == key:
                self.page.chosen = index
                return


class _DrawnInView(Sequence[Line], Generic[T]):
    """Lines that are drawn when they come into view."""

    def __init__(self, items: Sequence[T], draw: Callable[[T], Line]) -> None:
        self._items = items
        self._draw = draw

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, slice):
            return [self._draw(item) for item in self._items[index]]
        return self._draw(self._items[index])


def _in_order(wanted: _Wanted[T], columns: Sequence[Column[T]]) -> list[T]:
    items = list(wanted.items)
    order = None if wanted.sorted_by is None else columns[wanted.sorted_by].order
    if order is not None:
        items.sort(key=order, reverse=not wanted.backwards)
    elif wanted.backwards:
        items.reverse()
    return items


def _cells(item: T, columns: Sequence[Column[T]]) -> list[Span]:
    return [_span(column.show(item)) for column in columns]


def _span(cell: str | Span) -> Span:
    return (cell, "") if isinstance(cell, str) else cell


class OfJob(Protocol):
    """What belongs to a job."""

    @property
    def job_id(self) -> JobId: ...


J = TypeVar("J", bound=OfJob)


class JobRowsScreen(RowsScreen[J]):
    """A page of rows of which each belongs to a job."""

    def open_details(self) -> None:
        """Show all about the chosen job."""
        if self.chosen_item is not None:
            self.host.pages.open_job(self.chosen_item.job_id)

    def key_of(self, item: J) -> JobId:
        return item.job_id

    def searched_text(self, item: J) -> str:
        return item.job_id
