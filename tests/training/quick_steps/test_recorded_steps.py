"""Recorded steps: the same training, without a line of Python between a step's operations.

There is no GPU here: a tape stands in for its graphs. It repeats the operations on the same places of memory,
and refuses those that wait for a device.
"""

from __future__ import annotations

import logging
import weakref
from typing import Any

import pytest
import torch

from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.optimiser import AdamW
from emeth_tui.training.quick_steps.way import Way
from emeth_tui.training.run.step import log
from tests.training.pretended_gpu import HostReadError, TapeRecorder, pretended_gpu
from tests.training.quick_steps.steppers import BATCH, LENGTH, RATE, ids_of, make_model, make_stepper, train

RECORDED = Way(recorded=(BATCH, LENGTH))


def assert_same(first: Gpt2, second: Gpt2) -> None:
    expected = second.state_dict()
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, expected[name]), name


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("blocks", [BATCH, 3])  # the whole batch at once, and in two uneven parts
def test_recorded_steps_are_the_same_training(compute_dtype: torch.dtype, blocks: int) -> None:
    plain, recorded = make_model(), make_model()
    gpu = pretended_gpu(compute_dtype)
    stepper = make_stepper(recorded, gpu, blocks)
    stepper.use(RECORDED)

    losses = train(stepper)

    assert losses == train(make_stepper(plain, gpu, blocks))
    assert stepper.way == RECORDED
    assert_same(recorded, plain)


def test_a_batch_of_another_shape_takes_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, plain = make_model(), make_model()
    stepper = make_stepper(recorded, pretended_gpu())
    stepper.use(RECORDED)
    expected = make_stepper(plain, pretended_gpu())

    for each in (stepper, expected):
        train(each, steps=2)
        each.take(ids_of(7, rows=2), RATE, (0, 7))
        train(each, first=8, steps=2)

    assert_same(recorded, plain)


def test_the_host_does_nothing_in_a_recorded_step(monkeypatch: pytest.MonkeyPatch) -> None:
    stepper = make_stepper(make_model(), pretended_gpu())
    stepper.use(RECORDED)
    train(stepper, steps=1)
    monkeypatch.setattr(Gpt2, "loss", lambda *_, **__: pytest.fail("the model's Python ran"))
    monkeypatch.setattr(AdamW, "step", lambda *_: pytest.fail("the optimiser's Python ran"))

    train(stepper, first=1)


def test_recording_changes_nothing_that_is_trained() -> None:
    model = make_model()
    stepper = make_stepper(model, pretended_gpu(torch.float16))
    train(stepper, steps=2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    states = [(state["step"].clone(), state["exp_avg"].clone()) for state in stepper.optimiser.state.values()]
    scale, random = stepper.state_dict()["loss_scale"]["scale"].clone(), torch.get_rng_state()

    stepper.use(RECORDED)
    with stepper.trying():
        stepper.take(ids_of(0), RATE, (0, 0))
        stepper.take(ids_of(1), RATE, (0, 1))

    assert stepper.way == RECORDED
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    for state, (step, moment) in zip(stepper.optimiser.state.values(), states, strict=True):
        assert torch.equal(state["step"], step)
        assert torch.equal(state["exp_avg"], moment)
    assert torch.equal(stepper.state_dict()["loss_scale"]["scale"], scale)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_loss_that_is_no_number_is_not_applied_by_a_recorded_step_either() -> None:
    model = make_model()
    stepper = make_stepper(model, pretended_gpu())
    stepper.use(RECORDED)
    train(stepper, steps=2)
    with torch.no_grad():
        model.transformer.ln_f.bias[0] = float("nan")
    before = {name: weight.clone() for name, weight in model.state_dict().items()}

    outcome = stepper.take(ids_of(3), RATE, (0, 3))

    assert not bool(outcome.applied)
    assert bool(outcome.skipped)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight.nan_to_num(7.0), before[name].nan_to_num(7.0)), name


def test_it_goes_on_after_a_checkpoint_and_after_starting_over() -> None:
    model, plain = make_model(), make_model()
    sides = make_stepper(model, pretended_gpu()), make_stepper(plain, pretended_gpu())
    sides[0].use(RECORDED)

    for stepper in sides:
        train(stepper, steps=3)
        state = {
            "optimiser": {
                **stepper.state_dict()["optimiser"],
                "state": {
                    number: {name: value.clone() for name, value in each.items()}
                    for number, each in stepper.state_dict()["optimiser"]["state"].items()
                },
            }
        }
        train(stepper, first=3, steps=2)
        stepper.load_state_dict(state)
        train(stepper, first=5, steps=2)
        stepper.start_over()
        train(stepper, first=7, steps=2)

    assert sides[0].way == RECORDED
    assert_same(model, plain)


def test_what_cannot_be_recorded_is_trained_plainly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    model, plain = make_model(), make_model()

    class Breaks(TapeRecorder):
        def record(self, work: Any) -> Any:
            work()
            raise RuntimeError("operation not permitted when stream is capturing")

    stepper = make_stepper(model, pretended_gpu(), recorder=Breaks)
    stepper.use(RECORDED)

    train(stepper)
    train(make_stepper(plain, pretended_gpu()))

    assert stepper.way == Way()
    assert "steps stay plain: RuntimeError: operation not permitted" in caplog.text
    assert_same(model, plain)


def test_what_was_recorded_in_vain_is_gone_before_memory_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded: list[weakref.ref[torch.Tensor]] = []
    left: list[bool] = []

    class Breaks(TapeRecorder):
        def record(self, work: Any) -> Any:
            held = work()
            recorded.append(weakref.ref(held))
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(log, "disabled", True)  # pytest keeps what is logged, with its traceback
    gpu = pretended_gpu()
    monkeypatch.setattr(
        type(gpu), "free_cache", lambda _: left.extend(each() is not None for each in recorded)
    )
    stepper = make_stepper(make_model(), gpu, recorder=Breaks)
    stepper.use(RECORDED)

    train(stepper, steps=1)

    assert left == [False]


def test_a_step_that_reads_a_number_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    model = make_model()
    loss = model.loss

    def reads(*arguments: Any, **named: Any) -> torch.Tensor:
        outcome = loss(*arguments, **named)
        outcome.item()
        return outcome

    model.loss = reads  # type: ignore[method-assign]
    stepper = make_stepper(model, pretended_gpu())
    stepper.use(RECORDED)

    train(stepper, steps=1)

    assert stepper.way == Way()
    assert HostReadError.__name__ in caplog.text


def test_memory_that_runs_out_costs_the_recording_before_it_costs_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stepper = make_stepper(make_model(), pretended_gpu())
    stepper.use(RECORDED)
    train(stepper, steps=1)

    stepper.take_less_memory()
    assert (stepper.way, stepper.micro_batch.size) == (Way(), BATCH)

    stepper.take_less_memory()
    assert (stepper.way, stepper.micro_batch.size) == (Way(), BATCH // 2)


def test_a_released_training_keeps_no_recording() -> None:
    stepper = make_stepper(make_model(), pretended_gpu())
    stepper.use(RECORDED)
    train(stepper, steps=1)

    stepper.release()

    assert stepper._recorded is None
    assert stepper.way == RECORDED, "for when it goes on"


def test_nothing_is_left_of_a_trial_in_a_step_of_the_training() -> None:
    model, plain = make_model(), make_model()
    stepper = make_stepper(model, pretended_gpu())
    with stepper.trying():
        stepper.take(ids_of(0), RATE, (0, 0))

    losses = train(stepper)

    assert losses == train(make_stepper(plain, pretended_gpu()))
    assert stepper.way == Way()
