"""The optimiser of protocol.md §8: AdamW, weight decay on matrices only, warm-up and cosine decay."""

from __future__ import annotations

import math

import torch
from torch import nn

WEIGHT_DECAY = 0.01  # protocol.md §8; not on biases and layer norms
MAX_GRADIENT_NORM = 1.0  # protocol.md §8
FINAL_RATE_SHARE = 0.1  # protocol.md §8: cosine decay to 10 %
WARM_UP_SHARE = 0.05  # of the training; the network leaves it open


def make_optimiser(model: nn.Module) -> torch.optim.AdamW:
    """Make the optimiser for a model's parameters; `set_rate` gives it its learning rate."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]  # biases and layer norms
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def scheduled_share(done: float) -> float:
    """The share of the peak learning rate when `done` (0 to 1) of the training is behind the step.

    It is a function of the share of blocks trained, not of a step count, so that a changed batch size in
    the middle of a job leaves the schedule where it was.
    """
    if done < WARM_UP_SHARE:
        return done / WARM_UP_SHARE
    decayed = (done - WARM_UP_SHARE) / (1.0 - WARM_UP_SHARE)
    return FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * 0.5 * (1.0 + math.cos(math.pi * min(decayed, 1.0)))
