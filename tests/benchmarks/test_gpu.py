"""The GPU run, on a CPU with a tiny model: no other part of the suite would notice that it broke."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import anyio
import click
import pytest
import torch
from click.testing import CliRunner

from benchmarks import gpu
from benchmarks.deadline import Deadline
from benchmarks.training.train import CUDA_SIDES
from emeth_tui.errors import TrainingError
from emeth_tui.notices.reasons.foreign import Foreign

pytestmark = pytest.mark.slow


def test_every_side_and_a_cold_job_are_measured_and_held_against_the_goals(
    threaded_sides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "TINY", dataclasses.replace(gpu.TINY, batches=(2,)))
    outcome = CliRunner().invoke(gpu.command, ["--device", "cpu", "--tiny", "--json"])
    content = json.loads(outcome.stdout)
    (job,) = content["jobs"]
    training, host_bound = content["training"].values()
    goals = {goal["name"]: goal for goal in content["goals"]}

    assert outcome.exit_code == 0
    assert (content["failures"], training["failures"]) == ({}, {})
    assert tuple(training["sides"]) == CUDA_SIDES
    assert tuple(host_bound["sides"]) == ("ours", "hf")
    assert [each["batch"] for each in content["wheres"]] == [2, 1]
    assert 0 < job["until_first_step_s"] < job["seconds"]
    assert job["tokens"] > 1_000
    assert goals["gpu: 4,096 bytes x 1 epochs from cold"]["measured"] == job["seconds"]
    assert goals["gpu, batch 2: speed against nanogpt"]["measured"] > 0


def test_a_part_that_fails_leaves_the_others_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*arguments: object) -> None:
        raise TrainingError(Foreign("no memory"))

    def fail_too(*arguments: object) -> None:
        raise click.ClickException("ours: no memory")

    monkeypatch.setattr(gpu, "_train_cold", fail)
    monkeypatch.setattr(gpu._Run, "look_where", lambda self, batch: None)
    monkeypatch.setattr(gpu, "measure_training", fail_too)
    result = gpu.measure(dataclasses.replace(gpu.TINY, device="cpu"), lambda line: None)

    report = gpu.report(result).as_dict()
    assert result.failures == {
        "batch 2: ours, reference, reference-tf32, hf, hf-compiled, nanogpt": "ours: no memory",
        "batch 4: ours, hf": "ours: no memory",
        "batch 4: ours, hf-compiled, nanogpt": "ours: no memory",
        "batch 1: ours, hf": "ours: no memory",
    }
    assert "failed: no memory" in report["summary"][-1]
    assert [goal["reached"] for goal in report["goals"]] == [None] * 9 + [True]


def test_what_nobody_reckoned_with_fails_its_part_alone_and_the_goals_are_printed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_off(*arguments: object) -> None:
        raise ZeroDivisionError("in a part\nand more")

    monkeypatch.setattr(gpu, "_measure_job", break_off)
    monkeypatch.setattr(gpu._Run, "look_where", lambda self, batch: None)
    monkeypatch.setattr(gpu, "measure_training", break_off)

    outcome = CliRunner().invoke(gpu.command, ["--device", "cpu", "--tiny"])

    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert "batch 4: ours, hf: failed: ZeroDivisionError: in a part" in lines
    assert "gpu: 4,096 bytes x 1 epochs from cold: failed: ZeroDivisionError: in a part" in lines
    assert len(lines[lines.index("goals:") :]) == 11
    assert "Traceback" in caplog.text


def test_what_has_not_begun_in_time_is_left_out_and_the_goals_are_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "TINY", dataclasses.replace(gpu.TINY, begin_within_s=0.0))
    for name in ("measure_training", "_measure_job"):
        monkeypatch.setattr(gpu, name, lambda *_: pytest.fail("begun"))

    outcome = CliRunner().invoke(gpu.command, ["--device", "cpu", "--tiny"])

    lines = outcome.stdout.splitlines()
    goals = lines[lines.index("goals:") + 1 :]
    assert outcome.exit_code == 0
    assert sum("failed: not measured: the time was up" in line for line in lines) == 8
    assert [("not measured" in goal) for goal in goals] == [True] * 9 + [False]


def test_a_job_that_is_not_done_in_time_is_broken_off(tmp_path: Path) -> None:
    job = gpu.GpuJob(4_096, 12.0)
    deadline = Deadline.within(0.0, 0.05)

    result = anyio.run(
        gpu._train_cold, dataclasses.replace(gpu.TINY, device="cpu"), job, tmp_path, tmp_path, deadline
    )

    assert (result.seconds, result.failure) == (None, "not done when the time was up")


def test_without_a_gpu_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    outcome = CliRunner().invoke(gpu.command, [])

    assert outcome.exit_code == 1
    assert "no CUDA device" in outcome.output
    assert outcome.stdout == ""


def test_packages_that_are_not_here_are_named_in_one_line() -> None:
    hidden = "import sys; sys.modules |= dict.fromkeys(['msgspec', 'pydantic_core']); "
    program = f"{hidden} sys.argv[1:] = ['gpu']; from benchmarks.__main__ import main; main()"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "benchmarks: gpu needs packages that are not here: msgspec, pydantic_core\n"


def test_the_tests_on_the_gpu_come_first_and_say_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert all(Path(name).is_file() for name in command[-2:])
        return subprocess.CompletedProcess(command, 1, "..F\nFAILED tests/a.py::b - why\n1 failed in 2 s\n")

    monkeypatch.setattr(subprocess, "run", run)
    told: list[str] = []
    part = gpu._Run(dataclasses.replace(gpu.TINY, device="cuda:0"), told.append, Deadline.within(1.0, 1.0))

    part.test()

    assert part.tests == ["FAILED tests/a.py::b - why", "1 failed in 2 s"]
    assert told[1:] == part.tests


def test_tests_on_the_gpu_that_do_not_begin_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_TESTS", [tmp_path / "test_it.py"])
    part = gpu._Run(dataclasses.replace(gpu.TINY, device="cuda:0"), lambda _: None, Deadline.within(1.0, 1.0))

    part.test()

    assert f"ERROR: file or directory not found: {tmp_path / 'test_it.py'}" in part.tests
    assert part.tests[-1] == "pytest ended with exit code 4"
