"""A page of rows that stand for things: the chosen one stays chosen when others come and go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.tui.screens.page import PageScreen

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame

T = TypeVar("T")


class RowsScreen(PageScreen, Generic[T]):
    """Lists things. Subclasses decide which, and how each looks."""

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.shown: list[T] = []

    @abstractmethod
    def items(self, frame: Frame) -> Sequence[T]:
        """Return everything that there is, before the filter."""

    @abstractmethod
    def key_of(self, item: T) -> Hashable:
        """Return what identifies an item."""

    @abstractmethod
    def row(self, item: T, frame: Frame, width: int) -> Line:
        """Draw an item."""

    @abstractmethod
    def empty_text(self) -> str:
        """Return what stands there when there is nothing, or nothing matches the filter."""

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

    def content(self, frame: Frame, width: int) -> list[Line]:
        chosen = self.chosen_item
        pairs = [(item, self.row(item, frame, width)) for item in self.items(frame)]
        passing = [
            (item, row) for item, row in pairs if self.passes(f"{row.text} {self.searched_text(item)}")
        ]
        self.shown = [item for item, _row in passing]
        if chosen is not None:
            self._stay_with(self.key_of(chosen))
        return [row for _item, row in passing] or [line((self.empty_text(), "muted"))]

    def _stay_with(self, key: Hashable) -> None:
        for index, item in enumerate(self.shown):
            if self.key_of(item) == key:
                self.page.chosen = index
