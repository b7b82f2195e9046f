"""Help: every key, what it does, and if it can do nothing now, why."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, wrap
from emeth_tui.tui.frame import Frame
from emeth_tui.tui.panels.keys import KeyHint
from emeth_tui.tui.screens.base import PageScreen
from emeth_tui.words.translation import _

KEY_CELLS = 16


class HelpScreen(PageScreen):
    """All keys. `hints_below` are those of the screen that it was opened from, with their refusals."""

    def __init__(self, hints_below: Sequence[KeyHint]) -> None:
        super().__init__()
        self._refusals = {hint.key: hint.refusal for hint in hints_below}

    def heading(self, frame: Frame, width: int) -> list[Line]:
        return [line((_("Help"), "title")), BLANK]

    def content(self, frame: Frame, width: int) -> list[Line]:
        lines: list[Line] = []
        for title, keys in self._groups():
            rows = [self._row(key, text, width) for key, text in keys if self.passes(f"{key} {text}")]
            if rows:
                lines += [line((title, "title")), *rows, BLANK]
        signs = _("Signs: ▶ chosen · ‖ paused · ! look here · ✗ error, lost or late · ✓ done")
        return [*lines, *wrap(signs, width, "muted")]

    def _row(self, key: str, text: str, width: int) -> Line:
        refusal = self._refusals.get(key, "")
        note = ("   " + _("not now: {reason}").format(reason=refusal), "warn") if refusal else ""
        return fit(line("  ", (left(key, KEY_CELLS), "key"), text, note), width)

    def _groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [
            (
                _("The chosen job"),
                [
                    ("p", _("pause it at its next step, or let it go on; a pause outlives a restart")),
                    ("D", _("decline it: asks first, shows what it costs")),
                    ("A", _("decline all jobs: asks first")),
                    ("Enter", _("show all about it")),
                ],
            ),
            (
                _("The node"),
                [
                    ("P", _("take no new jobs, or take them again")),
                    ("f", _("finish what is under way, then pause")),
                    ("w", _("withdraw the rewards of closed days")),
                    ("q, Ctrl-C", _("leave: running without a screen, drained, or stopped")),
                ],
            ),
            (
                _("Looking around"),
                [
                    ("1 … 6", _("go to a panel")),
                    ("Tab", _("go to the next panel")),
                    ("↑ ↓ j k", _("choose a row")),
                    ("/", _("filter events, or the page that is open")),
                    ("s, c", _("in the events: severity, copy")),
                    ("h", _("history of all jobs")),
                    ("d, x", _("in the history: by day, export as CSV")),
                    ("m", _("market: what is on offer and why it is taken or not")),
                    ("x", _("transactions")),
                    ("Enter, c", _("in the market: all about an offer, and claim it by hand")),
                    ("l", _("logs of the node and its workers")),
                    ("s", _("settings: see them all, change what can change now, reload the file")),
                    ("t", _("next theme")),
                    (":, Ctrl-P", _("all commands")),
                    ("Esc", _("back")),
                ],
            ),
        ]
