"""The last line: the keys and what they do now, or for a moment the echo of the last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emeth_tui.tui.drawing.lines import Line, Span, fit, line

NARROW_CELLS = 110


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key as the footer shows it. `refusal` says why it can do nothing now, "" when it can.

    `brief` is the label on a narrow screen, None where the key is left out there.
    """

    key: str
    label: str
    action: str
    refusal: str = ""
    brief: str | None = None


@dataclass(frozen=True, slots=True)
class Echo:
    """What a key has just set off, or why it did not."""

    text: str
    role: str = "accent"


def keys_line(hints: Sequence[KeyHint], echo: Echo | None, width: int) -> Line:
    """Draw the keys that fit, in order of use; what can do nothing now is faint, with why if that fits."""
    if echo is not None:
        sign = {"bad": "✗ ", "warn": "! ", "good": "✓ "}.get(echo.role, "▸ ")
        return fit(line((f" {sign}{echo.text}", echo.role)), width)
    spans: list[Span] = []
    for hint in _that_fit(hints, width):
        spans += _spans(hint, width)
    return Line(tuple(spans))


def hint_at(hints: Sequence[KeyHint], width: int, x: int) -> KeyHint | None:
    """Tell which key was clicked."""
    position = 0
    for hint in _that_fit(hints, width):
        position += Line(_spans(hint, width)).width
        if x < position:
            return hint
    return None


def _that_fit(hints: Sequence[KeyHint], width: int) -> list[KeyHint]:
    explained = [
        replace(hint, label=f"{hint.label} ({hint.refusal})") if hint.refusal else hint for hint in hints
    ]
    if sum(Line(_spans(hint, width)).width for hint in explained) <= width:
        return explained  # there is room for every key and for the reasons
    fitting: list[KeyHint] = []
    used = 0
    for hint in hints:
        if width < NARROW_CELLS and hint.brief is None:
            continue
        cells = Line(_spans(hint, width)).width
        if used + cells <= width:
            fitting.append(hint)
            used += cells
    return fitting


def _spans(hint: KeyHint, width: int) -> tuple[Span, ...]:
    key_role, label_role = ("faint", "faint") if hint.refusal else ("key", "muted")
    label = hint.brief if width < NARROW_CELLS and hint.brief is not None else hint.label
    return (f" {hint.key}", key_role), (f" {label} ", label_role)
