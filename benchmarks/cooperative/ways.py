"""What members send each other after an epoch: all weights, or differences in fewer bytes.

A way turns a member's difference from the last average into what arrives of it, and says how many bytes that
took. What is left out of one epoch is added to the next (error feedback).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from emeth_tui.training.cooperation.differences import encode

Tensors = list[Tensor]
FP32_BYTES = 4


class Codec(Protocol):
    """One sender's end of a way."""

    def send(self, difference: Tensors) -> tuple[Tensors, int]:
        """Return what arrives of a difference, and the bytes sent."""


class Full:
    """All numbers as they are."""

    def send(self, difference: Tensors) -> tuple[Tensors, int]:
        """Return the difference itself."""
        return difference, sum(each.numel() for each in difference) * FP32_BYTES


@dataclass
class Int8:
    """A byte a number and a scale a tensor, with error feedback, as the node's members send them."""

    _left: Mapping[str, Tensor] = field(default_factory=dict)

    def send(self, difference: Tensors) -> tuple[Tensors, int]:
        """Return the difference in 255 steps a tensor."""
        named = {str(number): each for number, each in enumerate(difference)}
        sent, self._left = encode(named, self._left)
        return [sent[name].tensor() for name in named], sum(each.numel() + FP32_BYTES for each in difference)


@dataclass
class TopK:
    """The largest numbers of each tensor in half precision, with their places and error feedback."""

    share: float = 1 / 32
    decay: float = 0.95  # of what is left over, as SparseLoCo has it
    _left: Tensors = field(default_factory=list)

    def send(self, difference: Tensors) -> tuple[Tensors, int]:
        """Return the largest numbers of the difference, all others 0."""
        wanted = _with_left(difference, self._left)
        arrived, sent = [], 0
        for each in wanted:
            kept = max(1, round(each.numel() * self.share))
            places = each.abs().flatten().topk(kept).indices
            got = torch.zeros(each.numel())
            got[places] = each.flatten()[places].half().float()
            arrived.append(got.reshape(each.shape))
            sent += kept * (2 + 4)
        self._left = [self.decay * (each - got) for each, got in zip(wanted, arrived, strict=True)]
        return arrived, sent


@dataclass
class Outer:
    """What is made of the mean difference: by default the next weights; with momentum, as DiLoCo does."""

    rate: float = 1.0
    momentum: float = 0.0
    _velocity: Tensors = field(default_factory=list)

    def step(self, mean: Tensors) -> Tensors:
        """Return how far the weights move."""
        if not self.momentum:
            return [self.rate * each for each in mean]
        before = self._velocity or [torch.zeros_like(each) for each in mean]
        self._velocity = [self.momentum * v + each for v, each in zip(before, mean, strict=True)]
        # Nesterov's: the step looks ahead by one.
        return [self.rate * (each + self.momentum * v) for each, v in zip(mean, self._velocity, strict=True)]


@dataclass(frozen=True)
class Way:
    """A way by its name; `every_epoch` is false for one average at the end alone."""

    name: str
    make_codec: type[Full | Int8 | TopK]
    outer_rate: float = 1.0
    outer_momentum: float = 0.0
    every_epoch: bool = True


WAYS = (
    Way("fp32", Full),
    Way("int8, error feedback", Int8),
    Way("top 1/32, error feedback", TopK),
    Way("fp32, outer momentum", Full, outer_rate=0.7, outer_momentum=0.9),
    Way("top 1/32, outer momentum", TopK, outer_rate=0.7, outer_momentum=0.9),
    Way("one average at the end", Full, every_epoch=False),
)


def mean_of(arrived: Sequence[Tensors]) -> Tensors:
    """Return the plain mean of the members' tensors, as the node averages: in float64, rounded once."""
    return [
        torch.stack([each.double() for each in tensors]).mean(0).float()
        for tensors in zip(*arrived, strict=True)
    ]


def _with_left(difference: Tensors, left: Tensors) -> Tensors:
    return [a + b for a, b in zip(difference, left, strict=True)] if left else difference
