"""Limits: so many a minute for each party, and a bounded memory of the parties."""

from __future__ import annotations

import pytest

from emeth_tui.network.serving.rate_limit import MOST_KNOWN, RateLimit


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_party_has_its_minute_at_once_and_then_as_time_passes() -> None:
    clock = Clock()
    limit = RateLimit(6, monotonic_s=clock)
    assert [limit.take("a") for _ in range(6)] == [0.0] * 6
    assert limit.take("a") == pytest.approx(10.0)
    assert limit.take("b") == 0.0
    clock.now_s += 9.0
    assert limit.take("a") == pytest.approx(1.0)
    clock.now_s += 1.0
    assert limit.take("a") == 0.0
    assert limit.take("a") == pytest.approx(10.0)


def test_a_refusal_costs_nothing_and_a_rest_saves_no_more_than_a_minute() -> None:
    clock = Clock()
    limit = RateLimit(2, monotonic_s=clock)
    for _ in range(2):
        limit.take("a")
    for _ in range(50):
        assert limit.take("a") == pytest.approx(30.0)
    clock.now_s += 86_400
    assert [limit.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_the_memory_is_bounded_and_who_asks_now_is_not_forgotten() -> None:
    clock = Clock()
    limit = RateLimit(1, monotonic_s=clock)
    for number in range(3 * MOST_KNOWN):
        limit.take(str(number))
    assert len(limit._left) <= MOST_KNOWN
    assert limit.take(str(3 * MOST_KNOWN - 1)) > 0
