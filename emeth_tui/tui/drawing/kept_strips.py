"""Widgets that hand out the strips of their last painting until something on them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.widget import Widget
else:
    Widget = object  # a mixin that were a widget would hide the style sheet's names of the other base


class KeptStrips(Widget):
    """Keeps what a widget painted; a mixin.

    For any change on the screen, Textual's compositor asks every visible widget for all its lines. A widget
    puts those together anew each time, from a cache of single lines; here the whole list is kept.
    """

    painted_size = Size(0, 0)  # that of the content, while it is painted
    _strips: list[Strip] | None = None
    _strips_of: Region | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a region, painted again only after a change."""
        if self._strips is None or self._strips_of != crop:
            self.painted_size = self.size
            self._strips, self._strips_of = super().render_lines(crop), crop
        return self._strips

    def _set_dirty(self, *regions: Region) -> None:
        """Note a change; every way to have a widget painted again leads here."""
        self._strips = None
        super()._set_dirty(*regions)
