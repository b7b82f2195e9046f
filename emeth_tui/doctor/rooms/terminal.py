"""Terminal: whether the screen can be drawn on the one that this runs on."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, note, ok, warning
from emeth_tui.doctor.subject import Subject, Terminal
from emeth_tui.notices.reasons.doctor import machine as found
from emeth_tui.notices.reasons.doctor import remedies

COLUMNS, ROWS = 80, 24  # what the screen is made for


async def _size(subject: Subject) -> Sequence[Finding]:
    terminal = subject.setup.terminal
    if not terminal.is_there:
        return [note(found.TerminalAbsent())]
    if terminal.problem is not None:
        return [warning(terminal.problem, remedies.SetTerm())]
    if terminal.columns < COLUMNS or terminal.rows < ROWS:
        return [warning(found.TerminalSmall(terminal.columns, terminal.rows), remedies.EnlargeTerminal())]
    fits = found.TerminalFits(terminal.kind, terminal.columns, terminal.rows, colours_of(terminal))
    return [ok(fits)]


async def _encoding(subject: Subject) -> Sequence[Finding]:
    terminal = subject.setup.terminal
    if not terminal.is_there:
        return []
    if not codecs.lookup(terminal.encoding).name.startswith("utf-"):
        return [warning(found.EncodingPoor(terminal.encoding), remedies.SetEncoding())]
    if terminal.needs_ascii:
        return [note(found.FewCharacters(terminal.kind))]
    return [ok(found.EncodingFits(terminal.encoding))]


def colours_of(terminal: Terminal) -> int:
    """Return how many colours a terminal shows, as far as its environment says."""
    if terminal.environment.get("NO_COLOR"):
        return 0
    if terminal.environment.get("COLORTERM") in {"truecolor", "24bit"} or terminal.kind.endswith("-direct"):
        return 1 << 24
    return 256 if "256color" in terminal.kind else 16


CHECKS = (
    Check(Room.TERMINAL, "size", _size),
    Check(Room.TERMINAL, "encoding", _encoding),
)
