"""The last line: for a moment a note on what a key has done, then the keys that fit, the most used first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from emeth_tui.tui.drawing.lines import Line, Span, fit, line, width_of

_SIGNS = {"bad": "✗ ", "warn": "! ", "good": "✓ "}


class KeyHint(Struct, frozen=True):
    """A key as the footer shows it. `why_not` says why it can do nothing now, "" when it can.

    Without room `brief` is the label, "" for the same one. A pinned one is always there, at the end.
    """

    key: str
    label: str
    action: str
    why_not: str = ""
    brief: str = ""
    pinned: bool = False


class Note(Struct, frozen=True):
    """What a key has just set off, or why it did not."""

    text: str
    role: str = "accent"


def keys_line(hints: Sequence[KeyHint], note: Note | None, width: int) -> Line:
    """Draw note and keys; what can do nothing now is faint, with why if that fits."""
    beginning, placed = _placed(hints, note, width)
    return fit(line(*beginning, *(span for _hint, spans in placed for span in spans)), width)


def hint_at(hints: Sequence[KeyHint], note: Note | None, width: int, x: int) -> KeyHint | None:
    """Return the hint that stands on a cell."""
    beginning, placed = _placed(hints, note, width)
    position = width_of(beginning)
    for hint, spans in placed:
        if position <= x < (position := position + width_of(spans)):
            return hint
    return None


_Placed = list[tuple[KeyHint, tuple[Span, ...]]]


def _placed(hints: Sequence[KeyHint], note: Note | None, width: int) -> tuple[tuple[Span, ...], _Placed]:
    """Return the note as it is drawn, and the keys that there is room for after it."""
    pinned = [(hint, _brief(hint)) for hint in hints if hint.pinned]
    free = [hint for hint in hints if not hint.pinned]
    ends = sum(width_of(spans) for _hint, spans in pinned)
    beginning = _note(note, width - ends)
    room = width - ends - width_of(beginning)
    for draw in (_explained, _full):
        drawn = [(hint, draw(hint)) for hint in free]
        if sum(width_of(spans) for _hint, spans in drawn) <= room:
            return beginning, [*drawn, *pinned]
    return beginning, [*_that_fit(free, _brief, room), *pinned]


def _that_fit(hints: Sequence[KeyHint], draw: Callable[[KeyHint], tuple[Span, ...]], room: int) -> _Placed:
    fitting: _Placed = []
    for hint in hints:
        spans = draw(hint)
        if width_of(spans) <= room:
            fitting.append((hint, spans))
            room -= width_of(spans)
    return fitting


def _note(note: Note | None, room: int) -> tuple[Span, ...]:
    if note is None:
        return ()
    sign = _SIGNS.get(note.role, "▸ ")
    return (*fit(line((f" {sign}{note.text}", note.role)), room - 1).spans, (" ", ""))


def _explained(hint: KeyHint) -> tuple[Span, ...]:
    return _spans(hint, f"{hint.label} ({hint.why_not})" if hint.why_not else hint.label)


def _full(hint: KeyHint) -> tuple[Span, ...]:
    return _spans(hint, hint.label)


def _brief(hint: KeyHint) -> tuple[Span, ...]:
    return _spans(hint, hint.brief or hint.label)


def _spans(hint: KeyHint, label: str) -> tuple[Span, ...]:
    key_role, label_role = ("faint", "faint") if hint.why_not else ("key", "muted")
    return (f" {hint.key}", key_role), (f" {label} ", label_role)
