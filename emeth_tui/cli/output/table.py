"""Rows as a table that fits its terminal: columns that matter least go first, then texts are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

T = TypeVar("T")
GAP = "  "
LEAST_TEXT_CELLS = 12  # of a text that may be cut, before a column is left out instead
_CODES = {"good": "32", "warn": "33", "bad": "31", "accent": "36", "muted": "2", "title": "1"}
_PLAIN = str.maketrans(
    {
        "…": "...",
        "→": "->",
        "≈": "~",
        "–": "-",
        "—": "-",
        "×": "x",
        "·": ".",
        "✗": "x",
        "✓": "+",
        "“": '"',
        "”": '"',
    }
)


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column. The highest `rank` is left out first, rank 0 never; a `flexible` one may be cut."""

    title: str
    text: Callable[[T], str]
    role: Callable[[T], str] = lambda _row: ""
    right: bool = False
    rank: int = 0
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """How a table is drawn. `width` is None where nothing limits it: in a pipe or a file."""

    width: int | None = None
    colours: bool = False
    plain: bool = False  # ASCII in place of typographic signs

    def text(self, text: str) -> str:
        return text.translate(_PLAIN) if self.plain else text

    def paint(self, text: str, role: str) -> str:
        code = _CODES.get(role)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours and code and text.strip() else text


def table_lines(columns: Sequence[Column[T]], rows: Sequence[T], style: Style) -> list[str]:
    """Return a table as lines, its titles first."""
    cells = [[style.text(column.text(row)) for column in columns] for row in rows]
    titles = [style.text(column.title) for column in columns]
    widths = [
        max([cell_len(title), *(cell_len(line[index]) for line in cells)])
        for index, title in enumerate(titles)
    ]
    shown = _fitted(columns, widths, style.width)
    lines = [_line(columns, shown, titles, ["title"] * len(columns), style)]
    for row, line in zip(rows, cells, strict=True):
        lines.append(_line(columns, shown, line, [column.role(row) for column in columns], style))
    return lines


def fact_lines(facts: Sequence[tuple[str, str, str]], style: Style) -> list[str]:
    """Return facts as lines of a label and a text with its role; what is too long goes on below itself."""
    labels = max((cell_len(style.text(label)) for label, _text, _role in facts), default=0) + len(GAP)
    lines = []
    for label, text, role in facts:
        room = None if style.width is None else max(LEAST_TEXT_CELLS, style.width - labels)
        for number, part in enumerate(_wrapped(style.text(text), room)):
            head = set_cell_size(style.text(label) if not number else "", labels)
            lines.append(style.paint(head, "muted") + style.paint(part, role))
    return lines


def paragraph_lines(texts: Sequence[tuple[str, str]], style: Style, indent: int = 0) -> list[str]:
    """Return texts with their roles as lines that fit; what is too long goes on below, indented."""
    lines = []
    for text, role in texts:
        room = None if style.width is None else max(LEAST_TEXT_CELLS, style.width - indent - 2)
        for number, part in enumerate(_wrapped(style.text(text), room)):
            lines.append(" " * (indent + (2 if number else 0)) + style.paint(part, role))
    return lines


def _fitted(columns: Sequence[Column[T]], widths: Sequence[int], width: int | None) -> dict[int, int]:
    """Return which columns are shown, and their cells."""
    shown = dict(enumerate(widths))
    if width is None:
        return shown
    while _total(shown) > width:
        droppable = [index for index in shown if columns[index].rank]
        flexible = [index for index in shown if columns[index].flexible]
        room = width - _total({index: 0 if index in flexible else cells for index, cells in shown.items()})
        least = sum(min(shown[index], LEAST_TEXT_CELLS) for index in flexible)
        if flexible and room >= least:
            return _shrunk(shown, flexible, room)
        if not droppable:
            return _squeezed(shown, flexible, room, width)
        del shown[max(droppable, key=lambda index: columns[index].rank)]
    return shown


def _squeezed(shown: dict[int, int], flexible: Sequence[int], room: int, width: int) -> dict[int, int]:
    """Cut texts to nearly nothing; where not even that is enough, cut every column."""
    if flexible and room >= len(flexible):
        return _shrunk(shown, flexible, room)
    return _shrunk(shown, list(shown), width - len(GAP) * (len(shown) - 1))


def _shrunk(shown: dict[int, int], flexible: Sequence[int], room: int) -> dict[int, int]:
    """Cut the longest of the flexible columns until they fit."""
    cells = {index: shown[index] for index in flexible}
    while sum(cells.values()) > room and max(cells.values()) > 1:
        longest = max(cells, key=lambda index: cells[index])
        cells[longest] -= 1
    return {**shown, **cells}


def _total(shown: dict[int, int]) -> int:
    return sum(shown.values()) + len(GAP) * max(0, len(shown) - 1)


def _line(
    columns: Sequence[Column[T]],
    shown: dict[int, int],
    texts: Sequence[str],
    roles: Sequence[str],
    style: Style,
) -> str:
    parts = []
    for index, cells in shown.items():
        text = _cut(texts[index], cells, style)
        padding = " " * (cells - cell_len(text))
        painted = style.paint(text, roles[index])
        parts.append(padding + painted if columns[index].right else painted + padding)
    line = GAP.join(parts)
    return line.rstrip() if not style.colours else line.rstrip(" ")


def _cut(text: str, cells: int, style: Style) -> str:
    if cell_len(text) <= cells:
        return text
    sign = style.text("…")
    return set_cell_size(text, max(0, cells - len(sign))).rstrip() + sign[:cells]


def _wrapped(text: str, room: int | None) -> list[str]:
    """Break a text at spaces, or where there are none, into lines of at most `room` cells."""
    if room is None or cell_len(text) <= room:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= room:
            lines[-1] = longer
        else:
            lines += _pieces(word, room)
    return [line for line in lines if line]


def _pieces(word: str, room: int) -> list[str]:
    """Cut a word into pieces that fit."""
    pieces = []
    rest = word
    while rest:
        pieces.append(_head(rest, room))
        rest = rest[len(pieces[-1]) :]
    return pieces


def _head(word: str, room: int) -> str:
    """Return as much of a word as fits, at least one character."""
    length = 1
    while length < len(word) and cell_len(word[: length + 1]) <= room:
        length += 1
    return word[:length]
