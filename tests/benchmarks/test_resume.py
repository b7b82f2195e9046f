"""The instruments of `resume`, on a job of seconds."""

from __future__ import annotations

import pytest

from benchmarks.resume import ResumeSetup, measure, report

pytestmark = pytest.mark.slow


def test_what_is_killed_and_paused_is_measured_and_compared() -> None:
    setup = ResumeSetup(rounds=1, kills=1, pauses=2, epochs=12, size_bytes=4_096, seed=1, threads=1)

    result = measure(setup, narrate=lambda line: None)

    assert result.killed.hash_is_right
    assert result.killed.same_weights
    assert result.killed.epochs == setup.epochs
    (kill,) = result.killed.kills
    assert kill.restart_s > 0.0
    assert kill.repeated_s >= 0.0
    assert len(result.obedience.pauses_s) == 2
    assert all(0.0 < seconds < 60.0 for seconds in [*result.obedience.pauses_s, result.obedience.stop_s])
    assert "weights equal to those never killed" in "\n".join(report(result).lines)
