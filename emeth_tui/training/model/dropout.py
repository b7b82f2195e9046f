"""Dropout on the CPU: all masks of a pass through a model, drawn at once, 16 bits an element.

torch's own draw costs six times as much, and all threads would share its one generator. What is drawn follows
from the training's position alone, so that a step repeated after a restart drops the same elements.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

_ELEMENTS_A_DRAW = 4  # 16 of its 64 bits each
_VALUES = 1 << 16


class _Chance(threading.local):
    """Each thread's own generator, random until it is seeded."""

    def __init__(self) -> None:
        self.generator = np.random.Generator(np.random.SFC64())


_chance = _Chance()


def seed_masks(place: Sequence[int]) -> None:
    """Have this thread's next masks follow from these numbers, none below zero, and from nothing else."""
    _chance.generator = np.random.Generator(np.random.SFC64(list(place)))


def draw_masks(shape: tuple[int, ...], dropout: float, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Draw `shape[0]` dropout masks of `shape[1:]`.

    An element is 0 with probability `dropout`, to 1 in 131,072 exactly, else 1; as booleans they are small.
    """
    elements = math.prod(shape)
    drawn = _chance.generator.integers(0, 1 << 64, -(-elements // _ELEMENTS_A_DRAW), dtype=np.uint64)
    mask = torch.from_numpy(drawn.view(np.int16)[:elements])
    mask = mask.ge_(round(dropout * _VALUES) - _VALUES // 2).to(dtype)
    return mask.view(shape).unbind()


def add_dropped(states: Tensor, change: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Return `states` with `scale` times what the mask leaves of `change`."""
    if mask.dtype != torch.bool:
        return torch.addcmul(states, change, mask, value=scale)
    added: Tensor = _AddDropped.apply(states, change, mask, scale)  # type: ignore[no-untyped-call]
    return added


def weigh_dropped(scores: Tensor, mask: Tensor, value: Tensor) -> Tensor:
    """Return the values weighed by what the mask leaves of the softmax of the scores, which may be lost."""
    if mask.dtype != torch.bool:
        return torch.bmm(scores.softmax(-1) * mask, value)
    weighed: Tensor = _WeighDropped.apply(scores, mask, value)  # type: ignore[no-untyped-call]
    return weighed


class _AddDropped(torch.autograd.Function):
    """Keeps a byte an element for its gradients, instead of a number in fp32."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, change: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return torch.addcmul(states, change, mask.to(change.dtype), value=scale)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        (mask,) = ctx.saved_tensors
        (of_sum,) = outputs
        return of_sum, (of_sum * mask).mul_(ctx.scale), None, None


class _WeighDropped(torch.autograd.Function):
    """Keeps the softmax for its gradients and drops from it again, instead of keeping what was left too."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, mask: Tensor, value: Tensor) -> Tensor:
        # In place: a CPU's softmax reads a row before it writes it, and the product before keeps no scores.
        shares = torch.softmax(scores, -1, out=scores)
        ctx.save_for_backward(shares, mask, value)
        return torch.bmm(shares * mask, value)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        shares, mask, value = ctx.saved_tensors
        (of_weighed,) = outputs
        of_value = torch.bmm((shares * mask).transpose(1, 2), of_weighed)
        of_shares = torch.bmm(of_weighed, value.transpose(1, 2)).mul_(mask)
        torch.ops.aten._softmax_backward_data.out(of_shares, shares, -1, shares.dtype, grad_input=of_shares)
        return of_shares, None, of_value
