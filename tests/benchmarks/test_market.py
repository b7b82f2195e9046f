"""The benchmark of the market, with a short list."""

from __future__ import annotations

import pytest

from benchmarks.market import measure, report


@pytest.mark.slow
def test_a_look_is_measured_and_held_against_the_goals() -> None:
    result = measure((300,), looks=1)

    (listed,) = result.lists
    assert listed.jobs == 300
    assert 0 < listed.cpu_s < listed.wall_s + 1
    assert listed.longest_hold_s > 0
    assert [goal.measured for goal in report(result).goals] == [listed.cpu_s, listed.longest_hold_s]
