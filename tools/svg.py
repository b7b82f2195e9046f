"""A terminal's picture as SVG: small, one line of the file a row, so that two of them can be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

CELL_WIDTH, ROW_HEIGHT = 8, 16
BASELINE = 12
FONT_SIZE = 13.333  # a cell is 0.6 of it
FONTS = "'DejaVu Sans Mono','Menlo','Consolas','Noto Sans Mono CJK JP',monospace"
# What the colours of a terminal stand for where a style names one of them.
ANSI = TerminalTheme(
    (18, 18, 18),
    (220, 220, 220),
    [
        (18, 18, 18),
        (205, 49, 49),
        (13, 188, 121),
        (229, 229, 16),
        (36, 114, 200),
        (188, 63, 188),
        (17, 168, 205),
        (229, 229, 229),
    ],
)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring cells of one look; colours as `#rrggbb`, `marks` of bold, italic and underline."""

    column: int
    text: str
    ink: str
    ground: str
    marks: str

    @property
    def cells(self) -> int:
        return cell_len(self.text)


def svg(
    rows: Sequence[Iterable[Segment]], columns: int, *, margin: int = 0, fixed_width: bool = False
) -> str:
    """Draw a screen. With `margin` pixels of its ground around it, and rounded corners.

    `fixed_width` holds every run to its cells, whatever the font of the viewer.
    """
    drawn = [list(_runs(row)) for row in rows]
    ground = _commonest(run.ground for row in drawn for run in row for _cell in run.text)
    looks = _names(run for row in drawn for run in row if run.text.strip())
    width, height = columns * CELL_WIDTH + 2 * margin, len(rows) * ROW_HEIGHT + 2 * margin
    corner = ' rx="8"' if margin else ""
    place = f'x="{-margin}" y="{-margin}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-margin} {-margin} {width} {height}" '
        f'xml:space="preserve"><style>text{{font:{FONT_SIZE}px {FONTS};white-space:pre}}',
        *(f".{name}{{{look}}}" for look, name in looks.items()),
        f'</style><rect {place} fill="{ground}"{corner}/>',
    ]
    for number, row in enumerate(drawn):
        lines.append("".join(_drawn(run, number, ground, looks, fixed_width) for run in row))
    return "\n".join([*lines, "</svg>", ""])


def _drawn(run: Run, row: int, ground: str, looks: dict[str, str], fixed_width: bool) -> str:
    x, y = run.column * CELL_WIDTH, row * ROW_HEIGHT
    parts = ""
    if run.ground != ground:
        parts += (
            f'<rect x="{x}" y="{y}" width="{run.cells * CELL_WIDTH}" height="{ROW_HEIGHT}" '
            f'fill="{run.ground}"/>'
        )
    for column, text in _pieces(run) if fixed_width else [_stripped(run)]:
        if text:
            length = f' textLength="{cell_len(text) * CELL_WIDTH}"' if fixed_width else ""
            parts += (
                f'<text x="{column * CELL_WIDTH}" y="{y + BASELINE}" class="{looks[_look(run)]}"{length}>'
                f"{escape(text, quote=False)}</text>"
            )
    return parts


def _stripped(run: Run) -> tuple[int, str]:
    """The run's column and text without the spaces around it."""
    return run.column + len(run.text) - len(run.text.lstrip()), run.text.strip()


def _pieces(run: Run) -> Iterable[tuple[int, str]]:
    """Cut a run at its gaps: each piece stays at its column, however wide a viewer's letters are."""
    for piece in re.finditer(r"\S+(?: \S+)*", run.text):
        yield run.column + cell_len(run.text[: piece.start()]), piece.group()


def _runs(row: Iterable[Segment]) -> Iterable[Run]:
    column, pending = 0, None
    for segment in row:
        if segment.control or not segment.text:
            continue
        run = Run(column, segment.text, *_colours(segment.style or Style()))
        column += run.cells
        if pending is not None and _same_look(pending, run):
            pending = Run(pending.column, pending.text + run.text, run.ink, run.ground, run.marks)
            continue
        if pending is not None:
            yield pending
        pending = run
    if pending is not None:
        yield pending


def _same_look(one: Run, other: Run) -> bool:
    return (one.ink, one.ground, one.marks) == (other.ink, other.ground, other.marks)


def _colours(style: Style) -> tuple[str, str, str]:
    ink, ground = _hex(style.color, foreground=True), _hex(style.bgcolor, foreground=False)
    if style.reverse:
        ink, ground = ground, ink
    marks = ("font-weight:bold;" if style.bold else "") + ("font-style:italic;" if style.italic else "")
    marks += ("text-decoration:underline;" if style.underline else "") + ("opacity:.6;" if style.dim else "")
    return ink, ground, marks


def _hex(color: Color | None, *, foreground: bool) -> str:
    return (color or Color.default()).get_truecolor(ANSI, foreground=foreground).hex


def _look(run: Run) -> str:
    return f"fill:{run.ink};{run.marks}"


def _names(runs: Iterable[Run]) -> dict[str, str]:
    """Give each look a short name, in the order in which they come."""
    looks = dict.fromkeys(_look(run) for run in runs)
    return {
        look: f"{'abcdefghijklmnopqrstuvwxyz'[index % 26]}{index // 26 or ''}"
        for index, look in enumerate(looks)
    }


def _commonest(values: Iterable[str]) -> str:
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else "#000000"
