"""Amounts and times as people read them."""

from __future__ import annotations

import pytest

from emeth_tui.model import token_to_wei
from emeth_tui.notices.reasons.market import ShortOfNative
from emeth_tui.words import formats
from emeth_tui.words.sentences import english
from emeth_tui.words.translation import set_language


@pytest.mark.parametrize(
    ("amount_wei", "shown"),
    [
        (token_to_wei("5.2575"), "5.2575"),
        (token_to_wei("5.25"), "5.25"),
        (token_to_wei(5) + 1, "5.01"),  # not to the last wei in so few cells, and never less
        (1, "0.01"),
        (0, "0.00"),
        (token_to_wei("1234567.5"), "1,234,567.50"),
    ],
)
def test_a_cost_is_exact_where_it_fits_and_never_less_than_it_is(amount_wei: int, shown: str) -> None:
    assert formats.cost(amount_wei) == shown


@pytest.mark.parametrize(
    ("amount_wei", "places", "shown"),
    [
        (token_to_wei("10.6425"), 2, "10.65"),
        (1, 8, "0.00000001"),
        (token_to_wei("0.5"), 4, "0.5000"),
        (0, 6, "0.000000"),
    ],
)
def test_a_cost_is_rounded_up(amount_wei: int, places: int, shown: str) -> None:
    assert formats.rounded_up(amount_wei, places) == shown


def test_a_sentence_says_no_cost_as_less_and_no_balance_as_more_than_it_is() -> None:
    short = ShortOfNative(1_000_000_000_001, 1_999_999_999_999, 1, 2, 1.0, "ALT")
    assert "0.000002 ALT, and the account holds 0.000001 ALT" in english(short)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 days"), (1, "1 day"), (2, "2 days"), (1_234, "1,234 days")]
)
def test_a_count_has_the_noun_that_fits(number: int, shown: str) -> None:
    assert f"{formats.Count(number):day|days}" == shown
    assert f"{formats.Count(number)} 日" == f"{number:,} 日"


def test_in_japanese_what_stands_on_one_line_has_a_japanese_comma() -> None:
    assert formats.losses(3.5, None, 2.5) == "start 3.5000, last 2.5000"
    set_language("ja")
    assert formats.losses(3.5, None, 2.5) == "学習前 3.5000、最新 2.5000"
