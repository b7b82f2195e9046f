"""How cost grows: a job is started on each size, and real worker processes do jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.growth import GrowthSetup, measure, report
from benchmarks.texts import write_grown

pytestmark = pytest.mark.slow


def test_sizes_and_workers_are_measured(threaded_sides: None) -> None:
    setup = GrowthSetup(
        sizes_mb=(0.01, 0.03), train_s=0.3, workers=(1,), job_bytes=4096, job_epochs=1, rounds=1
    )
    result = measure(setup, lambda line: None)
    small, large = result.sizes

    assert small.text_bytes == pytest.approx(10_000, rel=0.02)
    assert 2.5 * small.tokens < large.tokens < 3.5 * small.tokens
    assert 0 < small.measured_tokens <= small.tokens
    assert small.epoch_s == small.tokens / small.tokens_per_s
    assert result.workers[0].seconds[0] > 0
    assert result.throughput.median == 1.0
    assert len(report(result).lines) == 6


def test_a_grown_text_holds_the_same_words(tmp_path: Path) -> None:
    text = "One line.\nAnother line.\nこれは三行目。\n"
    write_grown(tmp_path / "text", text, 1_000)
    grown = (tmp_path / "text").read_text("utf-8")

    assert grown.startswith(text)
    assert 950 < len(grown.encode("utf-8")) <= 1_000
    assert set(grown.split()) == set(text.split())
