"""Waits double up to a limit, and chance only shortens them."""

from __future__ import annotations

from emeth_tui.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(1.0, 30.0)
    assert [backoff.delay_s(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay_s(10**6) == 30


def test_chance_takes_away_at_most_its_share() -> None:
    delays = {Backoff(8.0, 8.0, jitter=0.5).delay_s(1) for _ in range(200)}
    assert len(delays) > 100
    assert all(4.0 <= delay <= 8.0 for delay in delays)
