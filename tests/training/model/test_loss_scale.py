"""The loss scale of fp16 training; a CPU calculates in fp16 too, if slowly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from emeth_tui.training import devices, reports
from emeth_tui.training.job_control import Control
from emeth_tui.training.model import optimiser
from emeth_tui.training.model.optimiser import LossScale
from tests.training.jobs import Run, make_request
from tests.training.texts import english

FINE, OVERFLOW = torch.tensor(True), torch.tensor(False)


def scale_of(scale: LossScale) -> float:
    return float(scale.apply(torch.tensor(1.0)))


def test_what_is_applied_to_the_loss_is_removed_from_the_gradients() -> None:
    scale = LossScale(torch.device("cpu"))
    weight, unused = nn.Parameter(torch.tensor([2.0, 3.0])), nn.Parameter(torch.zeros(1))

    scale.apply((weight**2).sum()).backward()  # type: ignore[no-untyped-call]
    scale.remove([weight, unused])

    assert weight.grad is not None
    assert weight.grad.tolist() == [4.0, 6.0]


def test_it_halves_when_numbers_overflow_and_doubles_after_many_good_steps() -> None:
    scale = LossScale(torch.device("cpu"))
    first = scale_of(scale)

    assert not scale.adapt(OVERFLOW)
    assert scale_of(scale) == first / 2
    for _ in range(optimiser._GROWS_AFTER_STEPS - 1):
        assert not scale.adapt(FINE)
    assert scale_of(scale) == first / 2
    scale.adapt(FINE)
    assert scale_of(scale) == first


def test_once_it_cannot_sink_further_the_step_itself_is_at_fault() -> None:
    scale = LossScale(torch.device("cpu"))
    while scale_of(scale) > 1.0:
        assert not scale.adapt(OVERFLOW)

    assert scale.adapt(OVERFLOW)
    assert scale_of(scale) == 1.0


@pytest.fixture
def in_fp16(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run, Path], list[float]]:
    """Trains a job in fp16; returns the epochs' training losses."""
    cpu = devices.open_device("cpu")
    half = dataclasses.replace(cpu, compute_dtype=torch.float16)
    monkeypatch.setattr("tests.training.jobs.open_device", lambda name: half)

    def train(run: Run, directory: Path) -> list[float]:
        run.go(make_request(directory, english(16_384), learning_rate=1e-3, epochs=2))
        return [epoch.train_loss for epoch in run.of_type(reports.EpochDone)]

    return train


@pytest.mark.slow
def test_a_job_in_fp16_learns_as_one_in_fp32(
    tmp_path: Path, in_fp16: Callable[[Run, Path], list[float]]
) -> None:
    losses = in_fp16(Run(), tmp_path / "fp16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.training.jobs.open_device", devices.open_device)
        expected = in_fp16(Run(), tmp_path / "fp32")

    assert losses == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_the_scale_is_in_the_checkpoint(
    tmp_path: Path, in_fp16: Callable[[Run, Path], list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimiser, "_FIRST_SCALE", 2.0**24)  # halves in the first steps
    monkeypatch.setattr(optimiser, "_GREATEST_SCALE", 2.0**24)
    scales: list[LossScale] = []
    make = LossScale.__init__

    def kept(self: LossScale, device: torch.device) -> None:
        make(self, device)
        scales.append(self)

    monkeypatch.setattr(LossScale, "__init__", kept)
    in_fp16(Run(stop_after_an_epoch), tmp_path)
    stopped_with = scale_of(scales[-1])
    begun_with: list[float] = []

    def look(event: reports.Event, control: Control) -> None:
        if isinstance(event, reports.Prepared):
            begun_with.append(scale_of(scales[-1]))

    in_fp16(Run(look), tmp_path)

    assert begun_with == [stopped_with]
    assert stopped_with < 2.0**24


def stop_after_an_epoch(event: reports.Event, control: Control) -> None:
    if isinstance(event, reports.EpochDone):
        control.stop()


@pytest.mark.slow
def test_a_scale_that_is_too_great_costs_steps_but_no_trouble(
    tmp_path: Path, in_fp16: Callable[[Run, Path], list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimiser, "_FIRST_SCALE", 2.0**24)
    monkeypatch.setattr(optimiser, "_GREATEST_SCALE", 2.0**24)
    finite_steps: list[bool] = []
    adapt = LossScale.adapt

    def watched(self: LossScale, finite: torch.Tensor) -> torch.Tensor:
        finite_steps.append(bool(finite))
        return adapt(self, finite)

    monkeypatch.setattr(LossScale, "adapt", watched)
    run = Run()

    losses = in_fp16(run, tmp_path)

    assert finite_steps[0] is False
    assert losses[-1] < losses[0]
    assert run.of_type(reports.Trained)
    assert not run.of_type(reports.Skipped)
