"""Compiled layers: the same numbers, for the batches that they were compiled for, or none at all.

There is no GPU here, so a device pretends to be one, and the backend stops short of machine code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._dynamo.backends.common import aot_autograd

from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run import compiling
from emeth_tui.training.run.compiling import PAYS_AFTER_STEPS, compile_where_it_pays

ROWS, LENGTH = 3, 16


class PretendsToBeAGpu(Device):
    """The CPU, to be compiled for."""

    @property
    def is_cuda(self) -> bool:
        return True

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def wait(self) -> None:
        pass


@pytest.fixture
def gpu() -> Device:
    cpu = open_device("cpu")
    return PretendsToBeAGpu(cpu.torch_device, cpu.name, cpu.compute_dtype)


@pytest.fixture
def model() -> Gpt2:
    model = Gpt2(Gpt2Shape(layers=2, heads=2, width=16, positions=LENGTH, vocab_size=50), dropout=0.0)
    model.initialise(1)
    return model


@pytest.fixture(autouse=True)
def _fast_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without machine code nothing gets faster: the trial's verdict is left out, its run is not."""
    monkeypatch.setattr(compiling, "_WORTH_IT", 0.0)


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


def test_compiled_layers_give_the_same_gradients(model: Gpt2, gpu: Device) -> None:
    model.train()
    expected = {rows: gradients(model, rows) for rows in (ROWS, 2)}
    names = list(model.state_dict())

    assert compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, gpu, "aot_eager")

    for rows, plain in expected.items():
        torch.testing.assert_close(gradients(model, rows), plain)
    assert list(model.state_dict()) == names


def test_the_trial_leaves_weights_random_state_and_gradients_alone(model: Gpt2, gpu: Device) -> None:
    weights, state = model.export_weights(), torch.get_rng_state()

    compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, gpu, "aot_eager")

    assert all(torch.equal(weights[name], tensor) for name, tensor in model.export_weights().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_short_job_and_a_cpu_are_left_alone(
    model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))

    assert not compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS - 1, gpu)
    assert not compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, open_device("cpu"))


def test_what_cannot_be_compiled_is_trained_plainly(
    model: Gpt2, gpu: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    expected = gradients(model, ROWS)

    assert not compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, gpu, _breaks)

    torch.testing.assert_close(gradients(model, ROWS), expected)
    assert "layers stay uncompiled" in caplog.text
    assert "no code for this" in caplog.text
    assert calls_of_plain_layers(model, ROWS) == 2


def _breaks(*_: object) -> object:
    raise RuntimeError("no code for this")


def test_a_compiler_that_gives_up_on_the_backward_pass_fails_no_job(
    model: Gpt2, gpu: Device, caplog: pytest.LogCaptureFixture
) -> None:
    expected = gradients(model, ROWS)
    backend = aot_autograd(fw_compiler=lambda graph, _: graph.forward, bw_compiler=_fails_an_assertion)

    assert not compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, gpu, backend)

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
        assert compile_where_it_pays(model, rows, LENGTH, PAYS_AFTER_STEPS, gpu, backend)
        assert len(compiled) == 2, "one layer, which serves all, and the head"


def test_the_trial_is_of_tokens_from_all_over_the_vocabulary(
    model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, seen = Gpt2.loss, set[int]()

    def loss_of(self: Gpt2, token_ids: torch.Tensor) -> torch.Tensor:
        seen.update(token_ids.flatten().tolist())
        return loss(self, token_ids)

    monkeypatch.setattr(Gpt2, "loss", loss_of)

    compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, gpu, "eager")

    assert len(seen) > 20
    assert max(seen) < model.shape.vocab_size


def test_what_is_not_faster_is_not_used(model: Gpt2, gpu: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_WORTH_IT", 1e9)

    assert not compile_where_it_pays(model, ROWS, LENGTH, PAYS_AFTER_STEPS, gpu, "aot_eager")

    assert calls_of_plain_layers(model, ROWS) == 2
