"""A little of each target, from a fixed seed."""

from __future__ import annotations

import pytest

from tests.fuzz.target import Finding, Target, run
from tests.fuzz.targets import all_targets

QUICK_BYTES = 60_000


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name.replace(" ", "-"))
def test_foreign_bytes_raise_what_is_documented_and_nothing_else(target: Target) -> None:
    findings: list[Finding] = []
    figures = run(target, seed=1, size_bytes=int(QUICK_BYTES * target.share), findings=findings)
    assert [f"{finding.problem} for {finding.data[:200]!r}" for finding in findings] == []
    assert figures.cases > len(target.corpus)
    assert figures.refused < figures.cases  # the valid ones at least get through
