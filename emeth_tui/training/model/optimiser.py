"""The optimiser of protocol.md §8: AdamW, weight decay on matrices only, warm-up and cosine decay."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

WEIGHT_DECAY = 0.01  # protocol.md §8; not on biases and layer norms
MAX_GRADIENT_NORM = 1.0  # protocol.md §8
FINAL_RATE_SHARE = 0.1  # protocol.md §8: cosine decay to 10 %
WARM_UP_SHARE = 0.05  # of the training; the network leaves it open
_FIRST_SCALE, _GREATEST_SCALE = 2.0**12, 2.0**16
_GROWS_AFTER_STEPS = 2_000


class AdamW(torch.optim.AdamW):
    """torch's own, which as it is loads torch's compiler to keep the compiler out of its methods.

    No optimiser is compiled here, and on a CPU nothing is: the compiler's 800 modules stay on the disk.
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    _step = inspect.unwrap(torch.optim.AdamW.step)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step, as torch's does."""
        return self._step(closure)


def make_optimiser(model: nn.Module) -> AdamW:
    """Make the optimiser of a model's parameters; `set_rate` sets its learning rate."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]  # biases and layer norms
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return AdamW(groups, lr=0.0, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float | Tensor) -> None:
    """Set the learning rate of the next step; a scalar on the device is read when the step is taken."""
    for group in optimiser.param_groups:
        group["lr"] = rate
        group["capturable"] = isinstance(rate, Tensor)


def scheduled_share(done: float) -> float:
    """Return the share of the peak learning rate once `done` (0 to 1) of the training is complete.

    It is a function of the share of blocks trained, not of a step count, so that a changed batch size in
    the middle of a job leaves the schedule where it was.
    """
    if done < WARM_UP_SHARE:
        return done / WARM_UP_SHARE
    decayed = (done - WARM_UP_SHARE) / (1.0 - WARM_UP_SHARE)
    return FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * 0.5 * (1.0 + math.cos(math.pi * min(decayed, 1.0)))


class LossScale:
    """Multiplies an fp16 training's loss, so that small gradients do not vanish in fp16's narrow range.

    It halves after a step whose numbers were not finite and doubles after many that were. Everything happens
    on the device: nobody waits for it.
    """

    def __init__(self, device: torch.device) -> None:
        self._scale = torch.full((), _FIRST_SCALE, device=device)
        self._good_steps = torch.zeros((), device=device)

    @property
    def value(self) -> Tensor:
        """The scale, a scalar on the device."""
        return self._scale

    def start_over(self) -> None:
        """Be as a new one."""
        self._scale.fill_(_FIRST_SCALE)
        self._good_steps.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        """Name all that `load_state_dict` needs; the tensors are the living ones."""
        return {"scale": self._scale, "good_steps": self._good_steps}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Be as the scale was that these are of."""
        self._scale.copy_(state["scale"])
        self._good_steps.copy_(state["good_steps"])

    def apply(self, loss: Tensor) -> Tensor:
        """Return the loss to differentiate."""
        return loss * self._scale

    def remove(self, parameters: list[nn.Parameter]) -> None:
        """Scale the gradients back to their true size."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch._foreach_mul_(gradients, 1.0 / self._scale)

    def adapt(self, finite: Tensor) -> Tensor:
        """Adapt to whether the step's numbers were finite; return whether they were not, at a scale of 1."""
        at_fault = ~finite & (self._scale <= 1.0)
        good_steps = torch.where(finite, self._good_steps + 1.0, 0.0)
        grows = good_steps >= _GROWS_AFTER_STEPS
        scale = torch.where(finite, torch.where(grows, 2.0 * self._scale, self._scale), 0.5 * self._scale)
        self._scale.copy_(scale.clamp_(1.0, _GREATEST_SCALE))
        self._good_steps.copy_(torch.where(grows, 0.0, good_steps))
        return at_fault


def loss_scale(device: torch.device, compute_dtype: torch.dtype) -> LossScale | None:
    """Return a new loss scale for a training in this precision, None where it needs none."""
    return LossScale(device) if compute_dtype == torch.float16 else None
