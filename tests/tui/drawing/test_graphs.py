"""Small graphs: how high, where in time, and what they say in words."""

from __future__ import annotations

import pytest
from msgspec import structs

from emeth_tui.tui.drawing.glyphs import ASCII, UNICODE
from emeth_tui.tui.drawing.graphs import Graph, graph_lines, in_a_row

RISING = Graph("speed", (0.0, 1.0, 2.0, 3.0, 4.0), 5, lambda value: f"{value:.0f}")


def texts(graph: Graph, width: int, height: int, glyphs: object = UNICODE) -> list[str]:
    return [row.text for row in graph_lines(graph, width, height, glyphs)]  # type: ignore[arg-type]


def test_columns_are_as_high_as_their_values() -> None:
    assert texts(RISING, 5, 3) == ["4", "   ▄█", "▁▄███"]


def test_a_title_says_the_newest_value_and_the_extent_where_there_is_room() -> None:
    assert texts(RISING, 20, 3)[0] == "speed 4          0–4"
    assert texts(RISING, 8, 3)[0] == "speed 4"


def test_what_is_not_known_stays_empty_and_the_newest_stands_at_the_right() -> None:
    assert texts(structs.replace(RISING, values=(4.0, None, 4.0)), 5, 2)[1] == "  █ █"


def test_a_title_has_no_value_where_the_newest_is_not_known() -> None:
    ended = structs.replace(RISING, values=(4.0, 4.0, None))
    assert texts(ended, 10, 2)[0].split() == [RISING.title]


def test_many_values_are_means_of_equal_parts() -> None:
    many = structs.replace(RISING, values=(0.0, 4.0) * 10, points=20)
    assert texts(many, 10, 2)[1] == "▄" * 10


@pytest.mark.parametrize(("low", "drawn"), [(0.0, "▁▁"), (None, "▄▄")])
def test_what_never_changes_is_flat(low: float | None, drawn: str) -> None:
    assert texts(structs.replace(RISING, values=(0.0, 0.0), points=2, low=low), 2, 2)[1] == drawn


def test_bars_stand_apart() -> None:
    bars = structs.replace(RISING, bars=True)
    assert texts(bars, 17, 2)[1] == "▁▁ ▂▂ ▄▄ ▆▆ ██ "
    assert texts(bars, 5, 2)[1] == "▁▂▄▆█"


def test_in_ascii_it_is_ascii() -> None:
    assert texts(RISING, 5, 3, ASCII)[1:] == ["   -#", "_-###"]
    assert "".join(texts(RISING, 5, 3, ASCII)).isascii()


def test_graphs_stand_beside_each_other_while_there_is_room() -> None:
    rows = in_a_row([RISING] * 4, 30, 3, 8, UNICODE)
    assert [row.width for row in rows] == [28] * 3
    assert rows[0].text.split() == ["speed", "4"] * 3


def test_nothing_known_is_a_title_alone() -> None:
    assert texts(structs.replace(RISING, values=()), 8, 3) == ["speed   ", "", ""]


@pytest.mark.parametrize("bars", [False, True])
@pytest.mark.parametrize("width", [0, -2])
def test_where_there_is_no_room_nothing_is_drawn(width: int, bars: bool) -> None:
    graph = structs.replace(RISING, bars=bars)
    assert texts(graph, width, 3) == ["", "", ""]
    assert [row.text for row in in_a_row([graph] * 2, width, 3, width, UNICODE)] == ["", "", ""]
