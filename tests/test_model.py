"""Money in wei, and the table of states."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.model import TRANSITIONS, JobState, format_token, token_to_wei


@pytest.mark.parametrize(
    ("amount_wei", "places", "expected"),
    [
        (1_240_500_000_000_000_000_000, 2, "1,240.50"),
        (0, 2, "0.00"),
        (19_999_999_999_999_999_999, 2, "19.99"),
        (-5 * 10**17, 1, "-0.5"),
        (7 * 10**18, 0, "7"),
        (1, 18, "0.000000000000000001"),
    ],
)
def test_wei_are_shown_as_tokens_rounded_towards_zero(amount_wei: int, places: int, expected: str) -> None:
    assert format_token(amount_wei, places) == expected


@given(st.integers(-(2**256), 2**256))
def test_at_18_places_nothing_is_lost(amount_wei: int) -> None:
    assert token_to_wei(format_token(amount_wei, 18).replace(",", "")) == amount_wei


def test_more_than_18_decimals_are_refused() -> None:
    with pytest.raises(ValueError, match="18 decimals"):
        token_to_wei(Decimal("0.0000000000000000001"))


@pytest.mark.parametrize("text", ["", "twenty", "nan", "sNaN", "inf", "1e999999999"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|NaN"):
        token_to_wei(text)


def test_every_open_state_can_reach_an_end_and_no_end_goes_on() -> None:
    for state in JobState:
        reached, frontier = {state}, [state]
        while frontier:
            for following in TRANSITIONS[frontier.pop()] - reached:
                reached.add(following)
                frontier.append(following)
        assert any(other.is_final for other in reached)
        assert state.is_final == (reached == {state})


def test_a_deposit_is_held_from_the_claim_to_the_end() -> None:
    assert not JobState.CLAIMING.holds_deposit
    assert JobState.CLAIMED.holds_deposit
    assert JobState.SUBMITTED.holds_deposit
    assert not JobState.VERIFIED.holds_deposit
