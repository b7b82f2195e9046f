"""Whole steps that are clipped and applied in one pass, with the copies in bf16, against plain ones."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.quick_steps.way import Way
from emeth_tui.training.run.compiling import compile_where_it_pays
from tests.training.pretended_gpu import TapeRecorder, pretended_gpu
from tests.training.quick_steps.steppers import BATCH, LENGTH, RATE, ids_of, make_model, make_stepper, train
from tests.training.triton import NEEDS_INTERPRETER

ONE_PASS = Way(one_pass=True)


class Watched(TapeRecorder):
    """Triton's interpreter works outside of torch, where a tape does not see it: the update is done again."""

    def record(self, work: Any) -> Any:
        repeat, outcome = super().record(work)
        if not self.tapes[1:]:
            return repeat, outcome

        def again() -> None:
            for new, old in zip(work(), outcome, strict=True):
                old.copy_(new)

        return again, outcome


def assert_close(first: Gpt2, second: Gpt2, start: Gpt2) -> None:
    """Assert that they are as close to each other as rounding lets them, for the way that they have come."""
    expected, begun = second.state_dict(), start.state_dict()
    for name, weight in first.state_dict().items():
        if not name.endswith("c_attn.bias"):  # a key's gradient is nothing but rounding
            moved = float((expected[name] - begun[name]).norm())
            assert float((weight - expected[name]).norm()) < 0.02 * moved, name


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("blocks", [BATCH, 3])
@pytest.mark.parametrize("recorded", [None, (BATCH, LENGTH)])
@NEEDS_INTERPRETER
def test_steps_in_one_pass_are_the_same_training(
    compute_dtype: torch.dtype, blocks: int, recorded: tuple[int, int] | None
) -> None:
    plain, ours, gpu = make_model(), make_model(), pretended_gpu(compute_dtype)
    stepper = make_stepper(ours, gpu, blocks, Watched)
    stepper.use(Way(True, recorded))

    losses = train(stepper)

    assert stepper.way == Way(True, recorded)
    assert losses == pytest.approx(train(make_stepper(plain, gpu, blocks)), rel=1e-3)
    assert_close(ours, plain, make_model())


@NEEDS_INTERPRETER
def test_a_recorded_step_finds_its_own_gradients_after_one_that_was_not() -> None:
    plain, ours, gpu = make_model(), make_model(), pretended_gpu(torch.bfloat16)
    steppers = make_stepper(ours, gpu, recorder=Watched), make_stepper(plain, gpu)
    steppers[0].use(Way(True, (BATCH, LENGTH)))

    for stepper in steppers:
        train(stepper, steps=2)
        stepper.take(ids_of(7, rows=2), RATE, (0, 7))
        train(stepper, first=8, steps=2)

    assert_close(ours, plain, make_model())


@NEEDS_INTERPRETER
def test_copies_follow_the_weights_when_others_set_them() -> None:
    ours, gpu = make_model(), pretended_gpu(torch.bfloat16)
    stepper = make_stepper(ours, gpu)
    stepper.use(ONE_PASS)
    train(stepper, steps=2)

    ours.initialise(3)
    stepper.start_over()

    for weight in ours.weights():
        assert weight.narrow is None or torch.equal(weight.narrow, weight.parameter.bfloat16())
    assert any(weight.narrow is not None for weight in ours.weights())
    assert all(not bool(state["step"]) for state in stepper.optimiser.state.values())


def test_the_copies_give_the_gradients_that_casting_gives() -> None:
    plain, ours = make_model(), make_model()
    ours.use_narrow(torch.bfloat16)
    gradients = []
    for model in (plain, ours):
        with pretended_gpu(torch.bfloat16).autocast():
            loss = model.loss(ids_of(0))
        leaves = [weight.leaf for weight in model.weights()]
        gradients.append([each.float() for each in torch.autograd.grad(loss, leaves)])

    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))
    assert sum(weight.leaf.dtype == torch.bfloat16 for weight in ours.weights()) == 2 * 4 * 2


def test_validation_goes_by_the_weights_themselves() -> None:
    model = make_model()
    model.use_narrow(torch.bfloat16)
    expected = make_model().eval().loss(ids_of(0))

    assert torch.equal(model.eval().loss(ids_of(0)), expected)


def test_memory_that_runs_out_costs_the_compiled_layers_too() -> None:
    """They would fill up a smaller micro batch to the size that had been too much."""
    model, gpu = make_model(), pretended_gpu()
    stepper = make_stepper(model, gpu)
    model.use_compiled((BATCH, LENGTH), "aot_eager")

    stepper.take_less_memory()

    assert stepper.micro_batch.size == BATCH // 2
    assert len(model.transformer.padded(ids_of(0, rows=BATCH // 2))) == BATCH // 2


@pytest.mark.slow
def test_layers_with_copies_are_compiled_too() -> None:
    model, gpu = make_model(), pretended_gpu(torch.bfloat16)
    model.use_narrow(torch.bfloat16)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emeth_tui.training.run.compiling._WORTH_IT", 0.0)
        patch.setattr("emeth_tui.training.run.compiling._COMPILER_S", 0.0)
        assert compile_where_it_pays(model, BATCH, LENGTH, 1_000, gpu, "aot_eager")
    with gpu.autocast():
        model.loss(ids_of(0)).backward()  # type: ignore[no-untyped-call]

    assert all(weight.leaf.grad is not None for weight in model.weights())


def test_without_triton_steps_stay_plain(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)

    def missing(*_: object) -> object:
        raise ModuleNotFoundError("No module named 'triton'")

    monkeypatch.setattr("emeth_tui.training.run.step.OnePass", missing)
    model, plain = make_model(), make_model()
    stepper = make_stepper(model, pretended_gpu(torch.bfloat16))
    stepper.use(ONE_PASS)

    losses = train(stepper)

    assert stepper.way == Way()
    assert all(weight.narrow is None for weight in model.weights())
    assert losses == train(make_stepper(plain, pretended_gpu(torch.bfloat16)))
    assert "steps stay plain: ModuleNotFoundError" in caplog.text


class NotCompiled:
    """A kernel on a machine without a C compiler, which Triton finds out when it starts the first one."""

    def __getitem__(self, grid: object) -> Any:
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")


def test_without_a_compiler_steps_stay_plain(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    columns = [
        "PARAMETER",
        "FIRST_MOMENT",
        "SECOND_MOMENT",
        "STEP",
        "GRADIENT",
        "NARROW",
        "ELEMENTS",
        "FLAGS",
    ]
    numbers = {name: number for number, name in enumerate(columns)}
    numbers |= {"COLUMNS": len(columns), "SCALARS": 4, "IN_BF16": 1, "DECAYS": 2}
    constants = {name: SimpleNamespace(value=number) for name, number in numbers.items()}
    kernels = SimpleNamespace(**constants, add_squares=NotCompiled())
    monkeypatch.setitem(sys.modules, "emeth_tui.training.model.one_pass_kernels", kernels)  # type: ignore[misc]
    model, plain, gpu = make_model(), make_model(), pretended_gpu(torch.bfloat16)
    stepper = make_stepper(model, gpu)
    stepper.use(ONE_PASS)

    losses = train(stepper)

    assert stepper.way == Way()
    assert losses == train(make_stepper(plain, gpu))
    assert "steps stay plain: RuntimeError: Failed to find C compiler" in caplog.text


@NEEDS_INTERPRETER
def test_trying_the_kernels_out_changes_nothing() -> None:
    model = make_model()
    stepper = make_stepper(model, pretended_gpu(torch.bfloat16))
    train(stepper, steps=2)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    states = [
        {name: value.clone() for name, value in state.items()} for state in stepper.optimiser.state.values()
    ]

    stepper.use(ONE_PASS)
    with stepper.trying():
        stepper.take(ids_of(0), RATE, (0, 0))

    assert stepper.way == ONE_PASS
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    for state, before in zip(stepper.optimiser.state.values(), states, strict=True):
        assert all(torch.equal(value, before[name]) for name, value in state.items())
