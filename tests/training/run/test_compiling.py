"""Compiled layers: the same numbers, for the batches that they were compiled for, or none at all.

There is no GPU here, so a device pretends to be one, and the backend stops short of machine code.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch

from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run import compiling
from emeth_tui.training.run.compiling import compile_where_it_pays, may_pay
from tests.training.pretended_gpu import pretended_gpu

ROWS, LENGTH = 3, 16
STEPS = 1_000


@pytest.fixture
def gpu() -> Device:
    return pretended_gpu()


@pytest.fixture
def model() -> Gpt2:
    model = Gpt2(Gpt2Shape(layers=2, heads=2, width=16, positions=LENGTH, vocab_size=50), dropout=0.0)
    model.initialise(1)
    return model


@pytest.fixture(autouse=True)
def _fast_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without machine code nothing gets faster: the trial's verdict is left out, its run is not."""
    monkeypatch.setattr(compiling, "_WORTH_IT", 0.0)
    monkeypatch.setattr(compiling, "_COMPILER_S", 0.0)


def gradients(model: Gpt2, rows: int) -> list[torch.Tensor]:
    ids = torch.randint(0, 50, (rows, LENGTH), generator=torch.Generator().manual_seed(2))
    return list(torch.autograd.grad(model.loss(ids), list(model.parameters())))


def calls_of_plain_layers(model: Gpt2, rows: int) -> int:
    calls = []
    hooks = [block.register_forward_hook(lambda *_: calls.append(1)) for block in model.transformer.h]
    gradients(model, rows)
    for hook in hooks:
        hook.remove()
    return len(calls)


@pytest.mark.slow
def test_compiled_layers_give_the_same_gradients(model: Gpt2, gpu: Device) -> None:
    model.train()
    expected = {rows: gradients(model, rows) for rows in (ROWS, 2)}
    names = list(model.state_dict())

    assert compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, "aot_eager")

    for rows, plain in expected.items():
        torch.testing.assert_close(gradients(model, rows), plain)
    assert list(model.state_dict()) == names


@pytest.mark.slow
def test_the_trial_leaves_weights_random_state_and_gradients_alone(model: Gpt2, gpu: Device) -> None:
    weights, state = model.export_weights(), torch.get_rng_state()

    compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, "aot_eager")

    assert all(torch.equal(weights[name], tensor) for name, tensor in model.export_weights().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("compute_dtype", "scaled"), [(torch.float16, True), (torch.float32, False)])
def test_the_trial_scales_the_loss_where_training_does(
    model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch, compute_dtype: torch.dtype, scaled: bool
) -> None:
    scales: list[torch.Tensor | None] = []
    loss = model.loss

    def spy(*arguments: Any, scale: torch.Tensor | None = None) -> torch.Tensor:
        scales.append(scale)
        return loss(*arguments, scale=scale)

    monkeypatch.setattr(model, "loss", spy)
    device = pretended_gpu(compute_dtype)

    assert compile_where_it_pays(model, ROWS, LENGTH, STEPS, device, "aot_eager")

    assert len(scales) == 2 * (compiling._TRIALS + 1)
    assert {isinstance(scale, torch.Tensor) for scale in scales} == {scaled}


def test_a_short_job_and_a_cpu_are_left_alone(
    model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))

    assert not compile_where_it_pays(model, ROWS, LENGTH, 49, gpu)
    assert not compile_where_it_pays(model, ROWS, LENGTH, STEPS, open_device("cpu"))


def test_compiling_is_judged_by_the_seconds_that_it_may_save(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_COMPILER_S", 20.0)
    assert not may_pay(plain_s=0.020, steps_left=3_000), "a quarter of a minute"
    assert may_pay(plain_s=0.020, steps_left=6_000), "half a minute"
    assert may_pay(plain_s=0.200, steps_left=500)


def test_steps_that_are_over_soon_are_not_compiled_for(
    model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "_COMPILER_S", 1e9)
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))

    assert not compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # inductor's own
def test_inductor_draws_its_masks_as_the_plain_path_does(
    model: Gpt2, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor.codegen.triton import TritonOverrides

    compile_, options = torch.compile, list[Any]()

    def watched(work: Any, **named: Any) -> Any:
        options.append(named["options"])
        return compile_(work, **named)  # refuses an option that this torch does not know

    monkeypatch.setattr(torch, "compile", watched)

    model.use_compiled((ROWS, LENGTH))

    assert options == [{"align_random_eager": True}] * 3
    assert "align_random_eager" in inspect.getsource(TritonOverrides._can_use_4x_random)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # inductor's own
def test_a_torch_without_that_option_compiles_too(model: Gpt2, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config

    known: Any = config
    monkeypatch.delitem(known._config, "align_random_eager")  # as in torch 2.11; `torch.compile` refuses it

    model.use_compiled((ROWS, LENGTH))

    model.train()
    assert model.transformer.goes_compiled(torch.zeros(ROWS, LENGTH, dtype=torch.int64))


@pytest.mark.parametrize(("rows", "compiled_layers"), [(3, 2), (2, 2), (1, 0), (4, 0)])
def test_a_batch_that_is_a_little_short_goes_through_compiled_layers_too(
    model: Gpt2, gpu: Device, rows: int, compiled_layers: int
) -> None:
    whole: list[bool] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        def run(*values: Any) -> Any:
            whole.append(
                any(len(value) == ROWS * LENGTH for value in values if isinstance(value, torch.Tensor))
            )
            return graph.forward(*values)

        return run

    model.train()
    expected = gradients(model, rows)
    assert compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, backend)
    whole.clear()

    torch.testing.assert_close(gradients(model, rows), expected)

    layers = whole[: len(whole) - (rows == ROWS)]  # the head comes last, for a whole batch alone
    assert layers == compiled_layers * [True]


def test_what_cannot_be_compiled_is_trained_plainly(
    model: Gpt2, gpu: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    expected = gradients(model, ROWS)

    assert not compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, _breaks)

    torch.testing.assert_close(gradients(model, ROWS), expected)
    assert "layers stay uncompiled" in caplog.text
    assert "no code for this" in caplog.text
    assert calls_of_plain_layers(model, ROWS) == 2


def _breaks(*_: object) -> object:
    raise RuntimeError("no code for this")


@pytest.mark.slow
def test_a_compiler_that_gives_up_on_the_backward_pass_fails_no_job(
    model: Gpt2, gpu: Device, caplog: pytest.LogCaptureFixture
) -> None:
    from torch._dynamo.backends.common import aot_autograd

    expected = gradients(model, ROWS)
    backend = aot_autograd(fw_compiler=lambda graph, _: graph.forward, bw_compiler=_fails_an_assertion)

    assert not compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, backend)

    torch.testing.assert_close(gradients(model, ROWS), expected)
    assert "layers stay uncompiled: AssertionError: the scheduler's own" in caplog.text


def _fails_an_assertion(*_: object) -> object:
    raise AssertionError("the scheduler's own")


@pytest.mark.slow
def test_one_job_after_the_other_is_compiled(model: Gpt2, gpu: Device) -> None:
    compiled: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        compiled.append(1)
        return graph.forward

    for rows in range(2, 14):
        compiled.clear()
        assert compile_where_it_pays(model, rows, LENGTH, STEPS, gpu, backend)
        assert len(compiled) == 2, "one layer, which serves all, and the head"


def test_the_trial_is_of_tokens_from_all_over_the_vocabulary(
    model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, seen = Gpt2.loss, set[int]()

    def loss_of(self: Gpt2, token_ids: torch.Tensor, scale: object = None) -> torch.Tensor:
        seen.update(token_ids.flatten().tolist())
        return loss(self, token_ids)

    monkeypatch.setattr(Gpt2, "loss", loss_of)

    compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, "eager")

    assert len(seen) > 20
    assert max(seen) < model.shape.vocab_size


@pytest.mark.slow
def test_what_is_not_faster_is_not_used(model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_WORTH_IT", 1e9)

    assert not compile_where_it_pays(model, ROWS, LENGTH, STEPS, gpu, "aot_eager")

    assert calls_of_plain_layers(model, ROWS) == 2
