"""Rules by which devices rest: how they are read, and that they neither flutter nor forget."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.device_rules.hysteresis import Hysteresis
from emeth_tui.device_rules.rule import LOW_IS_BAD, Figure, HoldRule

values = st.lists(st.one_of(st.none(), st.floats(0, 120)), min_size=1, max_size=200)
times = st.integers(0, 20)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("temperature above 83 until 75", HoldRule("", Figure.TEMPERATURE, 83, 75, 10, 60)),
        (
            "cuda:1  power above 250.5 for 30s until 200 for 10m",
            HoldRule("cuda:1", Figure.POWER, 250.5, 200, 30, 600),
        ),
        ("margin below 5 until 15", HoldRule("", Figure.MARGIN, 5, 15, 10, 60)),
        ("cpu others-cpu above 50 for 2 m until 20", HoldRule("cpu", Figure.OTHERS_CPU, 50, 20, 120, 60)),
        ("battery below 40 until 60 for 1h", HoldRule("", Figure.BATTERY, 40, 60, 10, 3_600)),
        ("on-battery", HoldRule("", Figure.ON_BATTERY, 1, 0, 10, 60)),
        (
            "cuda:0 on-battery for 0s until mains for 5m",
            HoldRule("cuda:0", Figure.ON_BATTERY, 1, 0, 0, 300),
        ),
    ],
)
def test_a_rule_is_read_as_it_is_written(text: str, rule: HoldRule) -> None:
    assert HoldRule.of(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "temperature",
        "temperature above 83",  # no end
        "temperature above 83 until 83",  # would flutter
        "temperature above 83 until 90",
        "temperature below 83 until 90",  # the wrong side
        "battery above 40 until 20",
        "battery below 40 until 40",
        "heat above 83 until 75",
        "on-battery above 0 until 1",
        "on-battery until 5",
        "temperature above 83 for 25h until 75",
        "temperature above 83 for 10 until 75",
        "cuda:x temperature above 83 until 75",
        "temperature above -1 until -2",
        "temperature above nan until 75",
        "cpu temperature above 83 until 75",  # it would never hold anything
        "cpu others-gpu-memory above 500 until 100",
    ],
)
def test_what_is_no_rule_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r".*") as caught:
        HoldRule.of(text)
    assert str(caught.value) == text


@given(st.sampled_from(Figure), st.floats(0, 100), st.floats(0.5, 50), st.floats(0, 200))
def test_no_value_is_both_one_to_rest_at_and_one_to_go_on_at(
    figure: Figure, limit: float, gap: float, value: float
) -> None:
    rule = HoldRule("", figure, limit, limit + gap if figure in LOW_IS_BAD else limit - gap)
    assert not (rule.is_over(value) and rule.is_fine(value))


def history(rule: HoldRule, seen: list[float | None]) -> list[bool]:
    """Return the state after each value, which come a second apart."""
    state = Hysteresis(rule.hold_after_s, rule.go_on_after_s)
    return [
        state.take(
            second,
            turn_on=value is not None and rule.is_over(value),
            turn_off=value is None or rule.is_fine(value),
        )
        for second, value in enumerate(seen)
    ]


@given(values, times, times)
def test_a_state_turns_only_after_its_cause_has_lasted_without_a_break(
    seen: list[float | None], hold_s: int, go_s: int
) -> None:
    rule = HoldRule("", Figure.TEMPERATURE, 83, 75, hold_s, go_s)
    states = [False, *history(rule, seen)]
    for second in range(len(seen)):
        if states[second] == states[second + 1]:
            continue
        wait = hold_s if states[second + 1] else go_s
        caused = seen[second - wait : second + 1]
        assert len(caused) == wait + 1
        if states[second + 1]:
            assert all(value is not None and value > 83 for value in caused)
        else:
            assert all(value is None or value <= 75 for value in caused)


@given(values, times, times)
def test_a_cause_that_has_lasted_long_enough_is_never_missed(
    seen: list[float | None], hold_s: int, go_s: int
) -> None:
    rule = HoldRule("", Figure.TEMPERATURE, 83, 75, hold_s, go_s)
    states = history(rule, seen)
    for second in range(len(seen)):
        over = seen[max(0, second - hold_s - 1) : second + 1]
        if len(over) == hold_s + 2 and all(value is not None and value > 83 for value in over):
            assert states[second]
        fine = seen[max(0, second - go_s - 1) : second + 1]
        if len(fine) == go_s + 2 and all(value is None or value <= 75 for value in fine):
            assert not states[second]


@given(values, st.integers(1, 20), st.integers(1, 20))
def test_it_turns_no_more_often_than_the_times_allow(
    seen: list[float | None], hold_s: int, go_s: int
) -> None:
    states = [False, *history(HoldRule("", Figure.TEMPERATURE, 83, 75, hold_s, go_s), seen)]
    turns = sum(one != other for one, other in pairwise(states))
    assert turns <= 1 + 2 * len(seen) / (hold_s + go_s)
