"""From text to tokens: both sides make the same ones, and what is loaded is measured."""

from __future__ import annotations

import pytest

from benchmarks.tokenise import TokeniseSetup, measure

pytestmark = pytest.mark.slow


def test_both_languages_are_measured(threaded_sides: None) -> None:
    result = measure(TokeniseSetup(rounds=1, round_mb=0.05, small_mb=0.03, size_mb=0.06))

    assert list(result.languages) == ["en", "ja"]
    for language in result.languages.values():
        assert language.rounds[0].tokens > 1_000
        assert 1.5 * language.small.tokens < language.large.tokens < 2.5 * language.small.tokens
        assert min(language.large.reopening_ms, language.large.seconds) > 0
    report = result.report()
    assert len(report.lines) == 8
    assert report.goals == ()  # too little text to hold against them
