"""The trial that says how steps are taken fastest."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.quick_steps import trial
from emeth_tui.training.quick_steps.trial import (
    find_quickest,
    record_where_it_pays,
    times_of,
    use_one_pass_where_it_pays,
)
from emeth_tui.training.quick_steps.way import Way
from emeth_tui.training.run.step import Stepper
from tests.training.pretended_gpu import pretended_gpu
from tests.training.quick_steps.steppers import BATCH, LENGTH, ids_of, make_model, make_stepper, train

PLAIN, ONE_PASS = Way(), Way(one_pass=True)
RECORDED, BOTH = Way(recorded=(BATCH, LENGTH)), Way(True, (BATCH, LENGTH))
STEPS = 10_000


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[Way, float]:
    """What a step takes each way, as the trial sees it; changed by the tests."""
    found = {PLAIN: 0.020, ONE_PASS: 0.018, RECORDED: 0.009, BOTH: 0.008}

    def pretended(stepper: Stepper, ids: torch.Tensor, device: Device) -> float:
        with stepper.trying():
            stepper.take(ids, 0.0, (0,))
        return found[stepper.way]

    monkeypatch.setattr(trial, "step_s", pretended)
    monkeypatch.setattr("emeth_tui.training.model.one_pass.is_possible", lambda: True)
    monkeypatch.setattr("emeth_tui.training.run.step.OnePass", lambda *_: PretendedPass())
    return found


class PretendedPass:
    def try_out(self) -> None:
        pass

    def read_gradients_at(self, addresses: list[int]) -> None:
        pass

    def apply(self, loss: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
        return torch.isfinite(loss)


def choose(steps_left: int = STEPS, device: Device | None = None) -> Way:
    device = device or pretended_gpu()
    stepper = make_stepper(make_model(), device)
    use_one_pass_where_it_pays(stepper, ids_of(0), steps_left, device)
    record_where_it_pays(stepper, ids_of(0), steps_left, device)
    return stepper.way


@pytest.mark.parametrize(
    ("changed", "way"),
    [
        ({}, BOTH),
        ({ONE_PASS: 0.0199}, RECORDED),
        ({ONE_PASS: 0.021}, RECORDED),
        ({BOTH: 0.0179}, ONE_PASS),
        ({ONE_PASS: 0.03, RECORDED: 0.03}, PLAIN),
    ],
)
def test_the_faster_way_is_taken(seconds: dict[Way, float], changed: dict[Way, float], way: Way) -> None:
    seconds.update(changed)

    assert choose() == way


def test_a_few_steps_are_not_worth_a_trial(seconds: dict[Way, float]) -> None:
    assert choose(steps_left=49) == PLAIN
    assert choose(steps_left=199) == PLAIN, "a second would be saved, and spent"
    assert choose(steps_left=300) == RECORDED
    assert choose(steps_left=3_000) == BOTH


def test_long_steps_wait_for_no_host(seconds: dict[Way, float]) -> None:
    seconds[ONE_PASS] = 0.3

    assert choose() == RECORDED
    seconds[PLAIN] = 0.3
    assert choose() == PLAIN


def test_a_scaled_loss_is_not_applied_in_one_pass(seconds: dict[Way, float]) -> None:
    assert choose(device=pretended_gpu(torch.float16)) == RECORDED


def test_a_cpu_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stepper, "take", lambda *_: pytest.fail("tried"))

    assert choose(device=open_device("cpu")) == PLAIN


@pytest.mark.parametrize(("too_much", "blocks"), [(PLAIN, BATCH // 2), (ONE_PASS, BATCH), (BOTH, BATCH)])
def test_memory_that_runs_out_in_the_trial_leaves_the_plain_way(
    seconds: dict[Way, float], monkeypatch: pytest.MonkeyPatch, too_much: Way, blocks: int
) -> None:
    def out_of_memory(stepper: Stepper, *_: Any) -> float:
        if stepper.way == too_much:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return seconds[stepper.way]

    monkeypatch.setattr(trial, "step_s", out_of_memory)
    monkeypatch.setattr(trial, "compile_where_it_pays", lambda *_: False)
    gpu, model = pretended_gpu(), make_model()
    stepper = make_stepper(model, gpu)

    find_quickest(stepper, model, (BATCH, LENGTH), STEPS * BATCH, gpu)

    assert (stepper.way, stepper.micro_batch.size) == (PLAIN, blocks)


@pytest.mark.slow
def test_the_real_trial_changes_nothing_and_names_every_way_that_there_is() -> None:
    model, plain, gpu = make_model(), make_model(), pretended_gpu()
    stepper, random = make_stepper(model, gpu), torch.get_rng_state()

    found = times_of([PLAIN, RECORDED], stepper, ids_of(0), gpu)

    assert list(found) == [PLAIN, RECORDED]
    assert all(0.0 < each < 10.0 for each in found.values())
    assert stepper.way == PLAIN
    assert torch.equal(torch.get_rng_state(), random)
    assert train(stepper) == train(make_stepper(plain, gpu))


def test_a_way_that_cannot_be_gone_has_no_time() -> None:
    gpu = pretended_gpu()

    def no_graphs(_: Device) -> Any:
        raise RuntimeError("no graphs here")

    stepper = make_stepper(make_model(), gpu, recorder=no_graphs)

    assert list(times_of([PLAIN, RECORDED], stepper, ids_of(0), gpu)) == [PLAIN]


def test_what_was_compiled_is_what_is_recorded(
    seconds: dict[Way, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, seen = pretended_gpu(), []
    stepper = make_stepper(model := make_model(), gpu)
    monkeypatch.setattr(trial, "compile_where_it_pays", lambda *_: seen.append(stepper.way))

    find_quickest(stepper, model, (BATCH, LENGTH), STEPS * BATCH, gpu)

    assert seen == [ONE_PASS]
    assert stepper.way == BOTH


def test_ways_are_named() -> None:
    assert [str(way) for way in (PLAIN, ONE_PASS, RECORDED, BOTH)] == [
        "plain",
        "in one pass",
        "recorded",
        "in one pass and recorded",
    ]
