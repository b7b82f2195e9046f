"""Curves in cells: scale, axis, two of them over each other, and NaNs."""

from __future__ import annotations

import math

from emeth_tui.tui.drawing.charts import Curve, chart
from emeth_tui.tui.drawing.glyphs import ASCII, UNICODE


def drawn(*curves: list[float], width: int = 40, height: int = 6) -> list[str]:
    marks = [Curve(values, mark, "") for values, mark in zip(curves, "•○", strict=False)]
    return [row.text for row in chart(marks, width, height, UNICODE)]


def test_a_curve_falls_from_the_first_row_to_the_last() -> None:
    assert drawn([4.0, 3.0, 2.5, 1.0]) == [
        "  4.000 │•            ",
        "        │    •        ",
        "        │        •    ",
        "  1.000 │            •",
        "        └─────────────",
        "         1           4",
    ]


def test_the_first_curve_lies_on_top() -> None:
    rows = drawn([2.0, 1.0], [2.0, 2.0])
    assert rows[0].endswith("│•   ○")
    assert rows[3].endswith("│    •")


def test_what_is_no_number_is_left_out() -> None:
    rows = drawn([3.0, math.nan, math.inf, 1.0])
    assert "".join(rows).count("•") == 2
    assert drawn([math.nan, math.nan]) == []


def test_too_many_points_are_thinned_and_both_ends_stay() -> None:
    rows = drawn([float(1_000 - number) for number in range(1_000)], width=30)
    assert max(len(row) for row in rows) <= 30
    assert rows[0][9] == "•"
    assert rows[3][-1] == "•"
    assert rows[-1].endswith("1000")


def test_one_point_or_no_room_is_no_chart() -> None:
    assert drawn([1.0]) == []
    assert drawn([]) == []
    assert drawn([2.0, 1.0], width=8) == []


def test_equal_values_lie_in_the_middle_and_ascii_is_ascii() -> None:
    rows = [row.text for row in chart([Curve([5.0] * 9, "*", "")], 30, 7, ASCII)]
    assert rows[2].count("*") == 9
    assert all(ASCII.text(row).isascii() for row in rows)
