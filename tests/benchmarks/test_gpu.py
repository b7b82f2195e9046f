"""The GPU run, on a CPU with a tiny model: no other part of the suite would notice that it broke."""

from __future__ import annotations

import dataclasses
import json

import click
import pytest
import torch
from click.testing import CliRunner

from benchmarks import gpu
from benchmarks.train import CUDA_SIDES
from emeth_tui.errors import TrainingError


def test_every_side_and_a_cold_job_are_measured_and_held_against_the_goals(
    threaded_sides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "TINY", dataclasses.replace(gpu.TINY, batches=(2,)))
    outcome = CliRunner().invoke(gpu.command, ["--device", "cpu", "--tiny", "--json"])
    content = json.loads(outcome.stdout)
    (job,) = content["jobs"]
    goals = {goal["name"]: goal for goal in content["goals"]}

    assert outcome.exit_code == 0
    assert not content["failures"]
    assert tuple(content["training"]["2"]["sides"]) == CUDA_SIDES
    assert not content["training"]["2"]["failures"]
    assert 0 < job["until_first_step_s"] < job["seconds"]
    assert job["tokens"] > 1_000
    assert goals["gpu: 4,096 bytes x 1 epochs from cold"]["measured"] == job["seconds"]
    assert goals["gpu, batch 2: speed against nanogpt"]["measured"] > 0


def test_a_part_that_fails_leaves_the_others_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*arguments: object) -> None:
        raise TrainingError("no memory")

    def fail_too(*arguments: object) -> None:
        raise click.ClickException("ours: no memory")

    monkeypatch.setattr(gpu, "_train_cold", fail)
    monkeypatch.setattr(gpu, "measure_training", fail_too)
    result = gpu.measure(dataclasses.replace(gpu.TINY, device="cpu"), lambda line: None)

    report = gpu.report(result).as_dict()
    assert result.failures == {2: "ours: no memory", 4: "ours: no memory"}
    assert "failed: no memory" in report["summary"][-1]
    assert [goal["reached"] for goal in report["goals"]] == [None] * 9 + [True]


def test_without_a_gpu_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    outcome = CliRunner().invoke(gpu.command, [])

    assert outcome.exit_code == 1
    assert "no CUDA device" in outcome.output
    assert outcome.stdout == ""
