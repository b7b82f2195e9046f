"""The terminal: a bell, a notification of the terminal's own, its title. Never into a pipe or a file."""

from __future__ import annotations

from collections.abc import Callable, Collection

from emeth_tui.alerts.alert import Message
from emeth_tui.alerts.texts import body_of, title_of
from emeth_tui.foreign_text import clean

MOST_CHARS = 250  # terminals refuse long ones, or show them over everything
_SAVE_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"


class TerminalChannel:
    """Writes control sequences by `write`, in the ways that the owner chose."""

    key = "terminal"
    name = "the terminal"
    keeps_trying = False

    def __init__(self, ways: Collection[str], write: Callable[[str], None]) -> None:
        self._ways = ways
        self._write = write
        self._titled = False

    async def deliver(self, message: Message) -> None:
        """Write a message's sequences."""
        title, body = clean(title_of(message)), _one_line(message)
        text = f"{title}: {body}"[:MOST_CHARS]
        parts = []
        if "osc9" in self._ways:
            parts.append(f"\x1b]9;{text}\a")
        if "osc777" in self._ways:
            parts.append(f"\x1b]777;notify;{title.replace(';', ',')};{body[:MOST_CHARS]}\a")
        if "title" in self._ways:
            parts.append(f"{'' if self._titled else _SAVE_TITLE}\x1b]2;{text}\a")
            self._titled = True
        if "bell" in self._ways:
            parts.append("\a")
        self._write("".join(parts))

    def close(self) -> None:
        """Give the terminal its title back."""
        if self._titled:
            self._write(_RESTORE_TITLE)
            self._titled = False


def _one_line(message: Message) -> str:
    """Return a message's text without what to do: a title has no room for it, and the screen is at hand."""
    return clean(body_of(message, with_remedy=False).replace("\n", "; "))
