"""The linear layers of a GPT-2, which may calculate with copies of their weights in less precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from emeth_tui.training.devices import calculated_in


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter, its copy in less precision if it has one, and which of the two gets the gradient."""

    parameter: nn.Parameter
    narrow: Tensor | None = None
    narrow_is_trained: bool = False

    @property
    def leaf(self) -> Tensor:
        """What a loss is differentiated by."""
        return self.narrow if self.narrow is not None and self.narrow_is_trained else self.parameter

    def refresh(self) -> None:
        """Make the copy anew, after somebody else has changed the parameter."""
        if self.narrow is not None:
            with torch.no_grad():
                self.narrow.copy_(self.parameter)


class Projection(nn.Module):
    """A linear layer on `[rows, inputs]`, whose weight lies as `[inputs, outputs]`.

    In training it may calculate with copies of weight and bias in less precision, which get the gradients: so
    nobody casts the weights for each pass, nor what comes back.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._narrow: tuple[Tensor, Tensor] | None = None

    def forward(self, states: Tensor, scale: float = 1.0) -> Tensor:
        """Project `scale` times the states."""
        weight, bias = self._present()
        return torch.addmm(bias, states, weight, alpha=scale)

    def after_gelu(self, states: Tensor) -> Tensor:
        """Project the GELU of the states."""
        if states.is_cuda or calculated_in("cpu") != torch.float32:
            output: Tensor = self(functional.gelu(states, approximate="tanh"))
        else:
            output = _GeluProjection.apply(states, *self._present())  # type: ignore[no-untyped-call]
        return output

    def use_narrow(self, dtype: torch.dtype | None) -> None:
        """Train with copies in this precision; with None, without."""
        if dtype is None:
            self._narrow = None
        else:
            weight, bias = (each.detach().to(dtype, copy=True) for each in (self.weight, self.bias))
            self._narrow = weight.requires_grad_(), bias.requires_grad_()

    def weights(self) -> tuple[Weight, Weight]:
        """Return weight and bias, with their copies."""
        if self._narrow is None:
            return Weight(self.weight), Weight(self.bias)
        weight, bias = self._narrow
        return Weight(self.weight, weight, True), Weight(self.bias, bias, True)

    def _present(self) -> tuple[Tensor, Tensor]:
        if self._narrow is None or not self.training:
            return self.weight, self.bias
        return self._narrow


class _GeluProjection(torch.autograd.Function):
    """GELU and the projection after it, whose backward pass makes the GELU anew instead of keeping it.

    In fp32 what it gave would be a sixth of all that a step keeps of a small model's layers.
    """

    @staticmethod
    def forward(ctx: Any, inner: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inner, weight)
        return torch.addmm(bias, functional.gelu(inner, approximate="tanh"), weight)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, ...]:
        inner, weight = ctx.saved_tensors
        (of_output,) = outputs
        wide = functional.gelu(inner, approximate="tanh")
        of_weight = torch.mm(wide.T, of_output)
        # In the same memory, one after the other: nothing is as wide, and here a step holds the most.
        torch.mm(of_output, weight.T, out=wide)
        torch.ops.aten.gelu_backward.grad_input(wide, inner, approximate="tanh", grad_input=wide)
        return wide, of_weight, of_output.sum(0)
