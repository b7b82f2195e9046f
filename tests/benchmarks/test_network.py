"""The benchmark of a network's services, with little load."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.network.command import report
from benchmarks.network.load import Plan, measure

pytestmark = [pytest.mark.slow, pytest.mark.process]


async def test_nothing_is_lost_when_it_is_killed_in_the_middle(tmp_path: Path) -> None:
    plan = Plan("embedded", jobs=4, pollers=2, poll_every_s=0.1, uploads=2, upload_bytes=12_000_000, waves=1)

    result = await measure(plan, tmp_path)
    text = "\n".join(report(result).lines)

    assert (result.stored, result.listed) == (4, 4)
    assert "4 of 4 results as they were sent, 4 of 4 jobs listed" in text
    assert result.polls > 0
    assert result.peaks_bytes[0] >= result.rest_bytes > 0
    grown = dataclasses.replace(result, ends_bytes=[0, 10**9])
    assert [goal.reached for goal in report(grown).goals] == [False, True]
