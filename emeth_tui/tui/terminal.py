"""What the terminal can do: whether it shows the screen at all, and with which characters."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from emeth_tui.errors import TerminalError
from emeth_tui.notices.reasons.start import TerminalCannotShow
from emeth_tui.tui.drawing.glyphs import UNICODE

UNDESCRIBED = frozenset({"", "dumb", "unknown"})
FEW_GLYPHS = frozenset({"linux"})  # the kernel's console: its font has no more than 512 characters


def check_terminal(environment: Mapping[str, str] = os.environ) -> None:
    """Raise TerminalError when this kind of terminal cannot move its cursor.

    One that the terminal database does not know is taken as it is: it is newer than the database.
    """
    term = environment.get("TERM", "")
    if term in UNDESCRIBED or not _moves_its_cursor(term):
        raise TerminalError(TerminalCannotShow(f'"{term}"'))


def needs_ascii(environment: Mapping[str, str] = os.environ, encoding: str | None = None) -> bool:
    """Whether the terminal, or the encoding of what is written to it, lacks characters of the screen."""
    if environment.get("TERM") in FEW_GLYPHS:
        return True
    try:
        UNICODE.characters.encode(encoding or sys.stdout.encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def _moves_its_cursor(term: str) -> bool:
    try:
        import curses
    except ImportError:  # a Python without it
        return True
    try:
        curses.setupterm(term, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    except curses.error as error:
        return "could not find" in str(error)  # else it is known to print on paper
    return curses.tigetstr("cup") is not None
