"""Tables and facts fit whatever width there is, in any script, coloured or not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from emeth_tui.cli.output.table import Column, Style, fact_lines, paragraph_lines, table_lines

TEXTS = st.builds(
    lambda start, times: (start * times)[:60], st.text("ab 漢字…≈-", max_size=9), st.integers(1, 9)
)
COLUMNS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2]), st.booleans(), st.booleans()), min_size=1, max_size=6
)


def column(index: int, rank: int, flexible: bool, right: bool) -> Column[list[str]]:
    return Column(
        f"title {index}", lambda row: row[index], lambda _row: "good", right, rank=rank, flexible=flexible
    )


@given(st.data(), COLUMNS, st.integers(20, 120), st.booleans(), st.booleans())
def test_no_line_is_longer_than_the_terminal(
    data: st.DataObject, shapes: list[tuple[int, bool, bool]], width: int, colours: bool, plain: bool
) -> None:
    columns = [column(index, *shape) for index, shape in enumerate(shapes)]
    row = st.lists(TEXTS, min_size=len(columns), max_size=len(columns))
    rows = data.draw(st.lists(row, max_size=4))

    lines = table_lines(columns, rows, Style(width, colours, plain))

    assert len(lines) == len(rows) + 1
    assert all(cell_len(re.sub(r"\x1b\[\d*m", "", line)) <= width for line in lines)


def test_a_narrow_terminal_cuts_even_what_has_to_be_there() -> None:
    columns = [column(0, 0, False, False), column(1, 0, False, False), column(2, 0, True, False)]
    for line in table_lines(columns, [["a" * 30, "b" * 30, "c" * 30]], Style(20)):
        assert len(line) <= 20
        assert len(line.split("  ")) == 3


@given(st.lists(st.tuples(st.text("漢b", max_size=6), TEXTS), max_size=4), st.integers(30, 120))
def test_facts_and_paragraphs_fit_and_lose_nothing(facts: list[tuple[str, str]], width: int) -> None:
    style = Style(width)
    lines = fact_lines([(label, text, "") for label, text in facts], style)
    lines += paragraph_lines([(text, "") for _label, text in facts], style, indent=2)

    assert all(cell_len(line) <= width for line in lines)
    letters = "".join(label + text + text for label, text in facts)
    assert sorted("".join(lines).replace(" ", "")) == sorted(letters.replace(" ", ""))


def test_what_matters_least_goes_first_and_a_pipe_keeps_all() -> None:
    columns = [column(0, 0, False, False), column(1, 2, False, True), column(2, 1, False, False)]
    row = ["a" * 12, "b" * 12, "c" * 12]
    assert table_lines(columns, [row], Style(40))[1].split() == row
    assert table_lines(columns, [row], Style(30))[1].split() == [row[0], row[2]]
    assert table_lines(columns, [row], Style(20))[1].split() == [row[0]]
    assert table_lines(columns, [row], Style())[1].split() == row
