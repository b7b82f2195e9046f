"""Clipping and AdamW in one pass, against torch's own: on a GPU, or in Triton's interpreter on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from emeth_tui.training.model.one_pass import OnePass
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, WEIGHT_DECAY, set_rate
from emeth_tui.training.model.projection import Weight
from tests.training.triton import NEEDS_TRITON, ON_GPU

pytestmark = NEEDS_TRITON
DEVICE = "cuda:0" if ON_GPU else "cpu"
RATE = 2.5e-3
# Odd sizes, one below a block, one of several chunks, and one whose chunks end with it.
SHAPES = [(7,), (1,), (63, 65), (2048,), (300, 129), (16_384,)]


def parameters_of(shapes: Sequence[tuple[int, ...]]) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(DEVICE)) for shape in shapes]


def optimiser_of(parameters: Sequence[nn.Parameter]) -> torch.optim.AdamW:
    groups = [
        {"params": [each for each in parameters if each.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, fused=True)


def gradients_of(shapes: Sequence[tuple[int, ...]], size: float, seed: int) -> list[Tensor]:
    """Gradients whose norm is about `size`."""
    generator = torch.Generator().manual_seed(seed)
    elements = sum(torch.Size(shape).numel() for shape in shapes)
    return [(torch.randn(shape, generator=generator) * size / elements**0.5).to(DEVICE) for shape in shapes]


def plain_step(optimiser: torch.optim.AdamW, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
    """As `Stepper` takes one."""
    norm = nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])
    finite = torch.isfinite(norm) & torch.isfinite(loss)
    set_rate(optimiser, RATE)
    optimiser.grad_scale = (norm / MAX_GRADIENT_NORM).clamp_(min=1.0)  # type: ignore[attr-defined]
    optimiser.found_inf = 1.0 - finite.float()  # type: ignore[attr-defined]
    optimiser.step()
    return finite


class Sides:
    """The same weights twice: for torch's optimiser, and for ours."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], narrow: str) -> None:
        self.shapes, self.narrow = shapes, narrow
        self.plain, self.ours = parameters_of(shapes), parameters_of(shapes)
        self.plain_optimiser, self.our_optimiser = optimiser_of(self.plain), optimiser_of(self.ours)
        self.weights = [self._weight(each) for each in self.ours]
        self.one_pass = OnePass(self.our_optimiser, self.weights)

    def _weight(self, parameter: nn.Parameter) -> Weight:
        if self.narrow == "none":
            return Weight(parameter)
        copy = parameter.detach().bfloat16().requires_grad_()
        return Weight(parameter, copy, narrow_is_trained=self.narrow == "trained")

    def step(self, gradients: Sequence[Tensor], loss: float = 1.0) -> tuple[bool, bool]:
        for parameter, weight, gradient in zip(self.plain, self.weights, gradients, strict=True):
            parameter.grad = gradient.to(weight.leaf.dtype).float()
            weight.leaf.grad = gradient.to(weight.leaf.dtype, copy=True)
        losses = torch.tensor(loss, device=DEVICE)
        expected = plain_step(self.plain_optimiser, self.plain, losses)
        self.one_pass.read_gradients_at([weight.leaf.grad.data_ptr() for weight in self.weights])
        return bool(expected), bool(self.one_pass.apply(losses, torch.tensor(RATE, device=DEVICE)))

    def _check_close(self, value: Tensor, expected: Tensor) -> None:
        """But for rounding, a few times, of numbers as large as the largest."""
        largest = float(expected.detach().abs().max())
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=3e-6 * largest)

    def _check_rounded(self, narrow: Tensor, parameter: Tensor) -> None:
        """To the nearest on a GPU; Triton's interpreter rounds towards zero."""
        towards_zero = (parameter.view(torch.int32) & -(1 << 16)).view(torch.float32)
        nearest = narrow == parameter.bfloat16()
        assert bool((nearest if ON_GPU else nearest | (narrow == towards_zero)).all())

    def check(self) -> None:
        for plain, weight in zip(self.plain, self.weights, strict=True):
            self._check_close(weight.parameter, plain)
            expected = self.plain_optimiser.state[plain]
            for name, value in self.our_optimiser.state[weight.parameter].items():
                self._check_close(value, expected[name])
            if weight.narrow is not None:
                self._check_rounded(weight.narrow, weight.parameter.detach())


@pytest.mark.parametrize("narrow", ["none", "kept", "trained"])
@pytest.mark.parametrize("norm", [0.3, 40.0])
def test_its_steps_are_those_of_torch(narrow: str, norm: float) -> None:
    sides = Sides(SHAPES, narrow)

    for step in range(3):
        assert sides.step(gradients_of(SHAPES, norm, step)) == (True, True)

    sides.check()


@pytest.mark.parametrize("shapes", [[(1,)], [(1, 1)], [(3, 5), (5,)], [(17_000, 2)]])
def test_any_shape_will_do(shapes: list[tuple[int, ...]]) -> None:
    sides = Sides(shapes, "trained")

    sides.step(gradients_of(shapes, 2.0, 0))

    sides.check()


def test_gradients_of_zero_leave_only_the_decay() -> None:
    sides = Sides(SHAPES, "trained")
    before = [each.detach().clone() for each in sides.ours]

    assert sides.step([torch.zeros(shape, device=DEVICE) for shape in SHAPES]) == (True, True)

    sides.check()
    for weight, start in zip(sides.ours, before, strict=True):
        decay = WEIGHT_DECAY if weight.ndim >= 2 else 0.0
        torch.testing.assert_close(weight.detach(), start * (1.0 - RATE * decay))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_numbers_that_are_not_finite_change_nothing(bad: float, where: str) -> None:
    sides = Sides(SHAPES, "trained")
    sides.step(gradients_of(SHAPES, 1.0, 0))
    before = [each.detach().clone() for each in sides.ours]
    gradients = gradients_of(SHAPES, 1.0, 1)
    if where == "gradient":
        gradients[-1][-1] = bad

    assert sides.step(gradients, bad if where == "loss" else 1.0) == (False, False)

    sides.check()
    assert all(torch.equal(weight, start) for weight, start in zip(sides.ours, before, strict=True))


def test_either_goes_on_from_the_other() -> None:
    sides = Sides(SHAPES, "none")
    sides.step(gradients_of(SHAPES, 1.0, 0))
    handed_over = Sides(SHAPES, "trained")
    for mine, theirs in zip(handed_over.ours, sides.plain, strict=True):
        mine.data.copy_(theirs.data)
    for mine, theirs in zip(handed_over.plain, sides.ours, strict=True):
        mine.data.copy_(theirs.data)
    handed_over.our_optimiser.load_state_dict(sides.plain_optimiser.state_dict())
    handed_over.plain_optimiser.load_state_dict(sides.our_optimiser.state_dict())
    handed_over.one_pass = OnePass(handed_over.our_optimiser, handed_over.weights)

    handed_over.step(gradients_of(SHAPES, 1.0, 1))

    handed_over.check()
