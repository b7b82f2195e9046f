"""What the footer says for a moment in place of the keys: what one has set off, or why it did nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from emeth_tui.tui.panels.keys import Note

SHOWN_FOR_S = 4.0


class FooterNote:
    """Holds the note while it lasts. `on_change` is called whenever the footer has to be painted again."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._until_s = 0.0
        self.current: Note | None = None

    def show(self, text: str, role: str = "accent") -> None:
        """Show a note for some seconds."""
        self.current = Note(text, role)
        self._until_s = time.monotonic() + SHOWN_FOR_S
        self._on_change()

    def expire(self) -> None:
        """Take a note away whose time is over."""
        if self.current is not None and time.monotonic() >= self._until_s:
            self.current = None
            self._on_change()
