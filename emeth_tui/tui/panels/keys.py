"""The last line: the keys and what they do now, or for a moment a note on what the last one did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emeth_tui.tui.drawing.lines import Line, Span, fit, line

NARROW_CELLS = 110


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key as the footer shows it. `why_not` says why it can do nothing now, "" when it can.

    On a narrow screen `brief` is the label, "" for the same one, and what is `wide_only` is left out.
    """

    key: str
    label: str
    action: str
    why_not: str = ""
    brief: str = ""
    wide_only: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What a key has just set off, or why it did not."""

    text: str
    role: str = "accent"


def keys_line(hints: Sequence[KeyHint], note: Note | None, width: int) -> Line:
    """Draw the keys that fit, in order of use; what can do nothing now is faint, with why if that fits."""
    if note is not None:
        sign = {"bad": "✗ ", "warn": "! ", "good": "✓ "}.get(note.role, "▸ ")
        return fit(line((f" {sign}{note.text}", note.role)), width)
    spans: list[Span] = []
    for hint in _that_fit(hints, width):
        spans += _spans(hint, width)
    return Line(tuple(spans))


def hint_at(hints: Sequence[KeyHint], width: int, x: int) -> KeyHint | None:
    """Return the hint that stands on a cell."""
    position = 0
    for hint in _that_fit(hints, width):
        position += Line(_spans(hint, width)).width
        if x < position:
            return hint
    return None


def _that_fit(hints: Sequence[KeyHint], width: int) -> list[KeyHint]:
    explained = [
        replace(hint, label=f"{hint.label} ({hint.why_not})") if hint.why_not else hint for hint in hints
    ]
    if sum(Line(_spans(hint, width)).width for hint in explained) <= width:
        return explained  # there is room for every key and for the reasons
    fitting: list[KeyHint] = []
    used = 0
    for hint in hints:
        if width < NARROW_CELLS and hint.wide_only:
            continue
        cells = Line(_spans(hint, width)).width
        if used + cells <= width:
            fitting.append(hint)
            used += cells
    return fitting


def _spans(hint: KeyHint, width: int) -> tuple[Span, ...]:
    key_role, label_role = ("faint", "faint") if hint.why_not else ("key", "muted")
    label = hint.brief if width < NARROW_CELLS and hint.brief else hint.label
    return (f" {hint.key}", key_role), (f" {label} ", label_role)
