"""Tables: room goes to what is needed."""

from __future__ import annotations

from emeth_tui.tui.drawing.lines import Span
from emeth_tui.tui.drawing.table import Column, lay_out

COLUMNS: tuple[Column[None], ...] = (
    Column("job", lambda _none: "", to_left=True),
    Column("size", lambda _none: "", spare=1),
    Column("gas", lambda _none: "", spare=2),
    Column("fee", lambda _none: ""),
    Column("reason", lambda _none: "", to_left=True, least=10),
)
ROWS: list[list[Span]] = [
    [("aaaa…66", ""), ("2.4 MB", ""), ("5", ""), ("28.00", ""), ("it would miss its deadline", "")],
    [("b", ""), ("1 MB", ""), ("55,555", ""), ("1,234.56", ""), ("suitable", "")],
]


def drawn(width: int) -> list[str]:
    layout, kept = lay_out(COLUMNS, ROWS, [column.title for column in COLUMNS], width)
    return [layout.row([cells[index] for index in kept], width).text for cells in ROWS]


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    assert drawn(70) == [
        "aaaa…66  2.4 MB       5     28.00  it would miss its deadline",
        "b          1 MB  55,555  1,234.56  suitable",
    ]


def test_without_room_the_last_is_cut_first_then_what_is_least_needed_goes() -> None:
    assert drawn(46) == [
        "aaaa…66  2.4 MB       5     28.00  it would m…",
        "b          1 MB  55,555  1,234.56  suitable",
    ]
    assert drawn(44) == [
        "aaaa…66  2.4 MB     28.00  it would miss it…",
        "b          1 MB  1,234.56  suitable",
    ]
    assert drawn(30) == ["aaaa…66     28.00  it would m…", "b        1,234.56  suitable"]
    assert all(len(line) <= 12 for line in drawn(12))
