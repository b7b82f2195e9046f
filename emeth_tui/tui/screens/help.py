"""Help: every key, what it does, and if it can do nothing now, why."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from emeth_tui.tui.action import TITLES, Action, Scope
from emeth_tui.tui.actions import ACTIONS
from emeth_tui.tui.drawing.lines import BLANK, Line, left, line, wrap
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.why_not import Target

KEY_CELLS = 20


class HelpScreen(PageScreen):
    """All keys; of those that are heard on the screen below also why they can do nothing now."""

    SCOPE = Scope.HELP

    def __init__(self, scopes_below: set[Scope], target_below: Target) -> None:
        super().__init__()
        self._scopes_below = scopes_below
        self._target_below = target_below

    def heading(self, frame: Frame, width: int) -> list[Line]:
        return [line((_("Help"), "title")), BLANK]

    def content(self, frame: Frame, width: int) -> list[Line]:
        lines: list[Line] = []
        for title in TITLES:
            rows = self._rows([action for action in ACTIONS if action.title == title], frame)
            shown = [row for row in rows if self.passes(row.text)]
            if shown:
                folded = [part for row in shown for part in _folded(row, width)]
                lines += [line((_(title), "title")), *folded, BLANK]
        signs = _("Signs: ▶ chosen · ‖ paused · ! look here · ✗ error, lost or late · ✓ done")
        return [*lines, *wrap(signs, width, "muted")]

    def _rows(self, actions: Sequence[Action], frame: Frame) -> list[Line]:
        """Draw actions, those of the same text in one line."""
        return [
            self._row(text, list(same), frame)
            for text, same in groupby(actions, key=lambda action: action.help)
        ]

    def _row(self, text: str, actions: Sequence[Action], frame: Frame) -> Line:
        first = actions[0]
        heard = first.scope in self._scopes_below
        reason = first.reason_against(frame, self._target_below) if heard else None
        note = ("   " + _("not now: {reason}").format(reason=text_of(reason)), "warn") if reason else ""
        keys = self.host.keymap.all_shown(actions)
        return line(("  " + left(keys, KEY_CELLS), "key"), _(text), note)


def _folded(row: Line, width: int) -> list[Line]:
    """Break a row that is too long: what it does, and under that why not now."""
    if row.width <= width:
        return [row]
    keys, *texts = row.spans
    parts = [part for text, role in texts for part in wrap(text.strip(), width - KEY_CELLS - 2, role)]
    starts = [keys, *((" " * (KEY_CELLS + 2), "") for _part in parts[1:])]
    return [line(start, *part.spans) for start, part in zip(starts, parts, strict=True)]
