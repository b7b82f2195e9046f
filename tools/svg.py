"""A terminal's screen as SVG: small, with one line of the file per row, so that two files can be compared."""

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
# The colours that a style may name instead of giving red, green and blue.
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
    """Neighbouring cells of one style; colours as `#rrggbb`, `marks` for bold, italic, underline and dim."""

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
    """Return a screen as SVG, with `margin` pixels of background and rounded corners around it.

    `fixed_width` keeps every run within its cells, whatever font the viewer has.
    """
    drawn = [list(_runs(row)) for row in rows]
    ground = _commonest(run.ground for row in drawn for run in row for _cell in run.text)
    classes = _class_names(run for row in drawn for run in row if run.text.strip())
    width, height = columns * CELL_WIDTH + 2 * margin, len(rows) * ROW_HEIGHT + 2 * margin
    corner = ' rx="8"' if margin else ""
    place = f'x="{-margin}" y="{-margin}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-margin} {-margin} {width} {height}" '
        f'xml:space="preserve"><style>text{{font:{FONT_SIZE}px {FONTS};white-space:pre}}',
        *(f".{name}{{{css}}}" for css, name in classes.items()),
        f'</style><rect {place} fill="{ground}"{corner}/>',
    ]
    for number, row in enumerate(drawn):
        lines.append("".join(_draw(run, number, ground, classes, fixed_width) for run in row))
    return "\n".join([*lines, "</svg>", ""])


def _draw(run: Run, row: int, ground: str, classes: dict[str, str], fixed_width: bool) -> str:
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
                f'<text x="{column * CELL_WIDTH}" y="{y + BASELINE}" class="{classes[_css(run)]}"{length}>'
                f"{escape(text, quote=False)}</text>"
            )
    return parts


def _stripped(run: Run) -> tuple[int, str]:
    """Return the run's column and text without the spaces around it."""
    return run.column + len(run.text) - len(run.text.lstrip()), run.text.strip()


def _pieces(run: Run) -> Iterable[tuple[int, str]]:
    """Split a run at its gaps, so that each piece stays in its column whatever the viewer's font."""
    for piece in re.finditer(r"\S+(?: \S+)*", run.text):
        yield run.column + cell_len(run.text[: piece.start()]), piece.group()


def _runs(row: Iterable[Segment]) -> Iterable[Run]:
    column, pending = 0, None
    for segment in row:
        if segment.control or not segment.text:
            continue
        run = Run(column, segment.text, *_colours(segment.style or Style()))
        column += run.cells
        if pending is not None and _same_style(pending, run):
            pending = Run(pending.column, pending.text + run.text, run.ink, run.ground, run.marks)
            continue
        if pending is not None:
            yield pending
        pending = run
    if pending is not None:
        yield pending


def _same_style(one: Run, other: Run) -> bool:
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


def _css(run: Run) -> str:
    return f"fill:{run.ink};{run.marks}"


def _class_names(runs: Iterable[Run]) -> dict[str, str]:
    """Return a short CSS class for each style, in order of appearance."""
    classes = dict.fromkeys(_css(run) for run in runs)
    return {
        css: f"{'abcdefghijklmnopqrstuvwxyz'[index % 26]}{index // 26 or ''}"
        for index, css in enumerate(classes)
    }


def _commonest(values: Iterable[str]) -> str:
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else "#000000"
