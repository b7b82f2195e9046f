"""What the footer says for a moment before the keys: what one has set off, or why it did nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from emeth_tui.tui.panels.keys import Note

SHOWN_FOR_S = 4.0


class FooterNote:
    """Holds the note while it lasts, for the page that it was shown on (`where`).

    `on_change` is called whenever the footer has to be painted again.
    """

    def __init__(self, on_change: Callable[[], None], where: Callable[[], object]) -> None:
        self._on_change = on_change
        self._where = where
        self._until_s = 0.0
        self._note: Note | None = None
        self._page: object = None

    @property
    def current(self) -> Note | None:
        """The note of the page on top."""
        return self._note if self._where() is self._page else None

    def show(self, text: str, role: str = "accent") -> None:
        """Show a note for some seconds."""
        self._note, self._page = Note(text, role), self._where()
        self._until_s = time.monotonic() + SHOWN_FOR_S
        self._on_change()

    def expire(self) -> None:
        """Take a note away whose time is over."""
        if self._note is not None and time.monotonic() >= self._until_s:
            self._note = self._page = None
            self._on_change()
