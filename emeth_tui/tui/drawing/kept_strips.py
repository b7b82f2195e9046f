"""Widgets that reuse the strips of their last paint until something on them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.widget import Widget
else:
    Widget = object  # if the mixin were a widget, it would hide the other base's names from the style sheet


class KeptStrips(Widget):
    """A mixin that caches what a widget painted.

    On any change on the screen, Textual's compositor asks every visible widget for all its lines. A widget
    reassembles them each time from a cache of single lines; here the whole list is cached.
    """

    painted_size = Size(0, 0)  # the content's, while it is painted
    _strips: list[Strip] | None = None
    _strips_of: Region | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a region, painted again only after a change."""
        if self._strips is None or self._strips_of != crop:
            self.painted_size = self.size
            self._strips, self._strips_of = super().render_lines(crop), crop
        return self._strips

    def _set_dirty(self, *regions: Region) -> None:
        """Drop the cache; every repaint of a widget goes through here."""
        self._strips = None
        super()._set_dirty(*regions)


class Ground(KeptStrips):
    """A mixin for what shows nothing but its background under others: one line is painted for all."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a region, all of them the same."""
        return super().render_lines(Region(crop.x, crop.y, crop.width, 1)) * crop.height
