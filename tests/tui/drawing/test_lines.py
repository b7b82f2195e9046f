"""Lines are measured in cells: wide characters, cuts, bars and curves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from emeth_tui.foreign_text import clean
from emeth_tui.tui.drawing.glyphs import ASCII, UNICODE
from emeth_tui.tui.drawing.lines import (
    Line,
    bar,
    changed_cells,
    cut,
    fit,
    join,
    left,
    line,
    right,
    sparkline,
    spread,
    wrap,
)

TEXTS = st.text(alphabet="ab 漢字…é", max_size=40)


@given(TEXTS, st.integers(0, 30))
def test_left_and_right_fill_exactly(text: str, width: int) -> None:
    assert cell_len(left(text, width)) == width
    assert cell_len(right(text, width)) == width
    assert cell_len(cut(text, width)) <= width


@given(TEXTS, TEXTS, st.integers(0, 40))
def test_no_line_is_wider_than_it_may_be(one: str, other: str, width: int) -> None:
    assert fit(line(one, (other, "bad")), width).width <= width
    assert spread([(one, "")], [(other, "")], width).width <= width
    assert join([[(one, "")], [(other, "")]], width).width <= width


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("12 of 30 epochs trained; deadline in 4 h 02", ["12 of 30 epochs trained; deadline in", "4 h 02"]),
        ("at 02:05:38 UTC, until the end in 25 min", ["at 02:05:38 UTC, until the end in", "25 min"]),
        ("the deposits that are at stake: 7.125 EMT", ["the deposits that are at stake:", "7.125 EMT"]),
        ("実行中 2 ジョブ、最初の期限まで 3 時間 22 分", ["実行中 2 ジョブ、最初の期限まで", "3 時間 22 分"]),
        ("費用は 6.22 EMT、残りは 3 日 05 時間", ["費用は 6.22 EMT、残りは", "3 日 05 時間"]),
    ],
)
def test_a_number_stays_with_its_unit(text: str, rows: list[str]) -> None:
    assert [row.text for row in wrap(text, cell_len(text) - 1)] == rows


@given(TEXTS, st.integers(4, 30))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    rows = wrap(text, width)
    assert all(row.width <= width for row in rows)
    assert "".join(row.text for row in rows).replace(" ", "") == text.replace(" ", "")


def test_a_cut_text_says_so() -> None:
    assert cut("verification", 6) == "verif…"
    assert cut("漢字漢字", 5) == "漢字…"


def test_strangers_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[31mb\r\n\u202ec") == "a·[31mb···c"


@pytest.mark.parametrize(
    ("fraction", "full"), [(0, ""), (0.5, "━━━━━"), (0.55, "━━━━━╸"), (1, "━" * 10), (7, "━" * 10)]
)
def test_bars_fill_by_half_cells(fraction: float, full: str) -> None:
    (filled, _role), (rest, _faint) = bar(fraction, 10, UNICODE)
    assert filled == full
    assert len(filled + rest) == 10


def test_sparklines_show_the_newest_at_the_right() -> None:
    assert sparkline([0, 4, 8], 5, UNICODE) == "  ▁▅█"
    assert sparkline([9, 0, 4, 8], 3, ASCII) == "_=#"
    assert sparkline([4, 6, 8], 3, UNICODE, floor=0.5) == "▁▅█"
    assert sparkline([], 3, UNICODE) == "   "


@pytest.mark.parametrize(
    ("old", "new", "cells"),
    [
        (line("a", "bb", "c"), line("a", "bb", "c"), (4, 4)),
        (line("a", "bb", "c"), line("a", "xx", "c"), (1, 3)),
        (line("漢字", "bb", "c"), line("漢字", "xx", "c"), (4, 6)),
        (line("a", "bb"), line("a", "bbb"), (1, 4)),
        (line("a", "bb", "bb"), line("a", "bb"), (3, 5)),
        (line("a", ("b", "warn")), line("a", ("b", "bad")), (1, 2)),
        (line("a"), line("a", selected=True), (0, 9)),
        (line("a" * 12), line("a" * 11), (9, 9)),
    ],
)
def test_only_what_looks_different_is_painted_again(old: Line, new: Line, cells: tuple[int, int]) -> None:
    assert changed_cells(old, new, 9) == cells
