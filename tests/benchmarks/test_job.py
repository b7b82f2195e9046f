"""Whole jobs by every side: real results, read and measured as a verifier does it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import job

pytestmark = pytest.mark.slow


def test_every_side_delivers_a_result_that_has_learnt_the_same(threaded_sides: None) -> None:
    arguments = ["--rounds", "1", "--epochs", "2", "--size-bytes", "4096", "--json"]
    outcome = CliRunner().invoke(job.command, arguments)
    content = json.loads(outcome.stdout)
    (only,) = content["rounds"]
    losses = [side["valid_loss"] for side in only.values()]

    assert outcome.exit_code == 0
    assert list(only) == ["ours", "reference", "hf"]
    assert max(losses) < content["untrained_loss"] - 0.1
    assert max(losses) - min(losses) < 0.05  # dropout draws other masks on every side
    assert content["speed"]["hf"]["median"] == only["hf"]["seconds"] / only["ours"]["seconds"]
    assert content["goals"] == []  # too small a job to say anything about them
