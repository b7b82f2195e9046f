"""The benchmark of what metrics and alerts add, in turns of a moment."""

from __future__ import annotations

import pytest

from benchmarks.cost import measure, report


@pytest.mark.slow
def test_a_node_is_scraped_and_sends_alerts_in_every_other_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.cost.EVENT_EVERY_S", 0.01)
    monkeypatch.setattr("benchmarks.screen.snapshot.JOBS", 100)

    result = measure(seconds=3.0, rounds=1, scrape_every_s=0.3)

    assert result.scrapes >= 3  # one when it begins, and others
    assert result.messages > 0
    assert min(*result.without_percent, *result.with_percent) > 0
    assert [goal.measured for goal in report(result).goals] == [result.added_percent]
