"""Loss and pace: what is reported, and how often."""

from __future__ import annotations

import math

import pytest
import torch

from emeth_tui.training.reports import Work
from emeth_tui.training.run.divergence import Reading
from emeth_tui.training.run.metrics import LossMeter, Pace, Throttle


class Clock:
    """A clock that moves only when asked to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def step(meter: LossMeter, loss: float, tokens: int = 10, finite: bool = True) -> None:
    meter.add(torch.tensor(loss), tokens, torch.tensor(finite), ~torch.tensor(finite))


def test_losses_are_weighted_by_their_tokens() -> None:
    meter = LossMeter(torch.device("cpu"))
    step(meter, 4.0, tokens=30)
    step(meter, 2.0, tokens=10)

    assert meter.read() == Reading(140.0, 40.0, 0)
    assert meter.read().mean_loss == 3.5


def test_the_recent_mean_counts_from_the_last_one() -> None:
    meter = LossMeter(torch.device("cpu"))
    step(meter, 4.0)
    first = meter.recent_mean(meter.read())
    step(meter, 2.0)
    step(meter, 3.0)

    assert (first, meter.recent_mean(meter.read())) == (4.0, 2.5)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 1.0])
def test_a_step_that_was_not_applied_counts_as_skipped_and_nothing_else(loss: float) -> None:
    meter = LossMeter(torch.device("cpu"))
    step(meter, loss, finite=False)
    step(meter, 1.0)

    assert meter.read() == Reading(10.0, 10.0, 1)


def test_an_epoch_without_one_good_step_has_no_loss() -> None:
    meter = LossMeter(torch.device("cpu"))
    step(meter, float("nan"), finite=False)

    assert math.isnan(meter.read().mean_loss)


def test_a_resumed_epoch_goes_on_with_its_sums() -> None:
    meter = LossMeter(torch.device("cpu"))
    meter.start(140.0, 40.0, 2)
    step(meter, 2.0)

    assert meter.read() == Reading(160.0, 50.0, 2)
    assert meter.recent_mean(meter.read()) == 2.0


def test_reports_are_due_four_times_a_second() -> None:
    clock = Clock()
    pace = Pace(clock)
    reports = 0
    for _ in range(1000):
        clock.now += 0.003
        pace.add(8)
        if pace.due():
            reports += 1
            pace.tokens_per_s()

    assert reports == 11


def test_speed_leaves_pauses_out() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.add(100)
    clock.now += 10
    pace.pause()
    clock.now += 1000
    pace.resume()
    pace.add(100)
    clock.now += 10

    assert pace.tokens_per_s() == pytest.approx(10.0)


def test_the_work_is_told_apart_and_pauses_are_in_none_of_it() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.add(100)
    clock.now += 10
    with pace.validating(30):
        clock.now += 2
        pace.pause()
        clock.now += 1000
        pace.resume()
    with pace.saving():
        clock.now += 3
    pace.add(50)
    clock.now += 5

    assert pace.work() == Work(150, 15.0, 30, 2.0, 3.0)


def test_speed_follows_a_change_smoothly() -> None:
    clock = Clock()
    pace = Pace(clock)
    speeds = []
    for tokens in [100] * 4 + [200] * 40:
        pace.add(tokens)
        clock.now += 0.5
        speeds.append(pace.tokens_per_s())

    assert speeds[3] == pytest.approx(200)
    assert 200 < speeds[4] < 300
    assert speeds[-1] == pytest.approx(400, rel=0.01)


def test_a_throttle_lets_one_through_at_a_time() -> None:
    clock = Clock()
    throttle = Throttle(clock)

    assert [throttle.due(), throttle.due()] == [True, False]
    clock.now += 0.3
    assert throttle.due()
