"""Dropout on the CPU: all masks of a pass through a model, drawn at once, 16 bits an element.

torch's own draw costs six times as much, and all threads would share its one generator. What is drawn follows
from the training's position alone, so that a step repeated after a restart drops the same elements.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

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

    An element is 0 with probability `dropout`, to 1 in 131,072 exactly, else 1.
    """
    elements = math.prod(shape)
    drawn = _chance.generator.integers(0, 1 << 64, -(-elements // _ELEMENTS_A_DRAW), dtype=np.uint64)
    mask = torch.from_numpy(drawn.view(np.int16)[:elements])
    mask = mask.ge_(round(dropout * _VALUES) - _VALUES // 2).to(dtype)
    return mask.view(shape).unbind()
