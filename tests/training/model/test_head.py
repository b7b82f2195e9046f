"""The vocabulary head: the numbers of a plain cross-entropy, a few rows at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from emeth_tui.training.model import head
from emeth_tui.training.model.head import LogitsToGradients, head_loss

WIDTH, VOCAB, PADDED = 24, 301, 320
either_way = pytest.mark.parametrize(
    "to_gradients", [None, head.logits_to_gradients], ids=["plain", "to compile"]
)


def some_rows(rows: int, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(rows)
    states = scale * torch.randn(rows, WIDTH, generator=chance)
    weight = torch.randn(PADDED, WIDTH, generator=chance)
    weight[VOCAB:] = 0.0
    targets = torch.randint(0, VOCAB, (rows,), generator=chance)
    return states.requires_grad_(), weight.requires_grad_(), targets


def plain_loss(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(states @ weight[:VOCAB].T, targets, reduction="sum")


@either_way
@pytest.mark.parametrize("rows", [1, 255, 256, 257, 700])
def test_loss_and_gradients_equal_a_plain_cross_entropy(
    rows: int, to_gradients: LogitsToGradients | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "_ROWS_COMPILED", 256)
    states, weight, targets = some_rows(rows)
    expected = plain_loss(states, weight, targets)
    expected_gradients = torch.autograd.grad(expected / rows, [states, weight])

    loss = head_loss(states, weight, targets, VOCAB, to_gradients)
    gradients = torch.autograd.grad(loss / rows, [states, weight])

    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
    assert not gradients[1][VOCAB:].any()


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_where_no_gradients_are_wanted_none_are_made(
    without: type[torch.no_grad], monkeypatch: pytest.MonkeyPatch
) -> None:
    states, weight, targets = some_rows(300)
    monkeypatch.setattr(head._Gradients, "add", lambda *_: pytest.fail("a gradient"))

    with without():
        loss = head_loss(states, weight, targets, VOCAB)

    torch.testing.assert_close(loss, plain_loss(states, weight, targets).detach(), rtol=1e-5, atol=0)


@either_way
def test_autocast_keeps_the_loss_and_gradients_close(to_gradients: LogitsToGradients | None) -> None:
    states, weight, targets = some_rows(300)
    expected = plain_loss(states, weight, targets)
    expected_gradients = torch.autograd.grad(expected, [states, weight])

    with torch.autocast("cpu", torch.bfloat16):
        loss = head_loss(states, weight, targets, VOCAB, to_gradients)
    gradients = torch.autograd.grad(loss, [states, weight])

    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=5e-3, atol=0)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - expected_gradient).norm() < 0.01 * expected_gradient.norm()


@either_way
def test_gradients_too_small_for_fp16_are_made_under_the_scale(
    to_gradients: LogitsToGradients | None,
) -> None:
    states, weight, targets = some_rows(8)
    with torch.no_grad():
        states *= 4.0  # nearly certain: almost all probabilities are below what fp16 can hold
    _, expected = torch.autograd.grad(plain_loss(states, weight, targets), [states, weight])
    scale = torch.tensor(1024.0)

    def error(used: Tensor | None) -> Tensor:
        with torch.autocast("cpu", torch.float16):
            loss = head_loss(states, weight, targets, VOCAB, to_gradients, used)
        factor = torch.tensor(1.0) if used is None else used
        (of_weight,) = torch.autograd.grad(loss * factor, [weight])
        small = (expected != 0) & (expected.abs() < 1e-6)
        assert small.any()
        return (of_weight / factor - expected)[small].norm() / expected[small].norm()

    assert error(scale) < 0.1 * error(None)


def test_the_scale_changes_no_gradient() -> None:
    states, weight, targets = some_rows(300)
    plain = torch.autograd.grad(head_loss(states, weight, targets, VOCAB) / 300, [states, weight])

    loss = head_loss(states, weight, targets, VOCAB, None, torch.tensor(64.0))
    scaled = torch.autograd.grad(loss / 300, [states, weight])

    torch.testing.assert_close(scaled, plain)


@either_way
def test_a_token_that_has_no_chance_costs_a_finite_loss(to_gradients: LogitsToGradients | None) -> None:
    states = torch.tensor([[1e4]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0]])

    certain = head_loss(states, weight, torch.tensor([0]), 2, to_gradients)
    hopeless = head_loss(states, weight, torch.tensor([1]), 2, to_gradients)

    assert certain.item() == 0.0
    assert hopeless.item() == pytest.approx(87.5, abs=0.1)


@either_way
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_shows(bad: float, to_gradients: LogitsToGradients | None) -> None:
    states, weight, targets = some_rows(3)
    with torch.no_grad():
        states[1, 0] = bad

    assert not torch.isfinite(head_loss(states, weight, targets, VOCAB, to_gradients))


def test_without_gradients_the_loss_is_the_same() -> None:
    states, weight, targets = some_rows(300)
    expected = head_loss(states, weight, targets, VOCAB).detach()

    with torch.inference_mode():
        loss = head_loss(states, weight, targets, VOCAB)

    assert torch.equal(loss, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("vocab", [7, 301, 8192])
def test_a_softmax_in_place_gives_what_one_elsewhere_does(dtype: torch.dtype, vocab: int) -> None:
    logits = 5 * torch.randn(64, vocab, generator=torch.Generator().manual_seed(vocab)).to(dtype)
    expected = torch.softmax(logits, -1)

    torch.softmax(logits, -1, dtype=dtype, out=logits)

    assert torch.equal(logits, expected)
