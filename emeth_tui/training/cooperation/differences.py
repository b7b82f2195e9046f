"""Differences from the last average, a byte a number: how they are made, added up, written and read.

A tensor is 255 steps of its own scale. What rounding leaves out of one difference goes with the next (error
feedback). The file is plain bytes of a length that follows from the model's shapes: a head, a scale a tensor,
then a signed byte a number, tensors in the order of their names. It comes from a stranger where a host sent
it, so nothing in it is believed before it is checked.

Products and sums are separate operations in float32 on the CPU, so that all ends come to the same bits.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from emeth_tui.errors import JobError
from emeth_tui.files import disk_full_translated, write_atomically
from emeth_tui.notices.reasons.training import result as why
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME

Weights = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]
STEPS = 127  # to each side of 0
MOST = 100.0  # that a weight may differ by: a training that moves one so far in an epoch has diverged
_LEAST = 1e-12  # of a tensor's greatest number, so that zeros have a scale too
_MAGIC = b"emethI8\x01"
_HEAD = struct.Struct("<8sI32s32s")  # magic, epoch, and the digests of the average before and after
_SCALE = struct.Struct("<f")
_NO_DIGEST = bytes(32)  # a member does not know the average that is to come


@dataclass(frozen=True, slots=True)
class Rounded:
    """A tensor in steps of its scale; `steps` is int8, from -STEPS to STEPS."""

    steps: Tensor
    scale: float

    def tensor(self) -> Tensor:
        """Return the numbers, in float32."""
        return self.steps.to(torch.float32) * self.scale


@dataclass(frozen=True, slots=True)
class Difference:
    """A file's content: how far the weights of `epoch` are from the average of the epoch before.

    `before` and `after` are the digests of that average and, where it is known, of the next.
    """

    epoch: int
    before: bytes
    tensors: dict[str, Rounded]
    after: bytes = _NO_DIGEST


def rounded(tensor: Tensor) -> Rounded:
    """Round a float32 tensor to steps of a scale of its own."""
    scale = tensor.abs().max().clamp(min=_LEAST) / STEPS
    return Rounded((tensor / scale).round().to(torch.int8), float(scale))


def encode(
    difference: Mapping[str, Tensor], left: Mapping[str, Tensor]
) -> tuple[dict[str, Rounded], Weights]:
    """Return what to send of a difference and of what was left out before, and what that leaves out."""
    sent: dict[str, Rounded] = {}
    left_out: Weights = {}
    for name, tensor in difference.items():
        wanted = tensor + left[name] if name in left else tensor
        sent[name] = rounded(wanted)
        left_out[name] = wanted - sent[name].tensor()
    return sent, left_out


def minus(weights: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> Weights:
    """Return the differences of weights, without the head, which is the embedding once more."""
    return {name: tensor - base[name] for name, tensor in weights.items() if name != HEAD_NAME}


def plus(base: Mapping[str, Tensor], tensors: Mapping[str, Rounded]) -> Weights:
    """Return an average with a difference added to it, the head included."""
    weights = {name: base[name] + each.tensor() for name, each in tensors.items()}
    return weights | {HEAD_NAME: weights[EMBEDDING_NAME]}


def digest(weights: Mapping[str, Tensor]) -> bytes:
    """Return the SHA-256 of float32 weights on the CPU, in the order of their names, without the head."""
    total = hashlib.sha256()
    for name in sorted(weights.keys() - {HEAD_NAME}):
        total.update(weights[name].contiguous().numpy().data)
    return total.digest()


def write(path: Path, difference: Difference) -> None:
    """Write a difference whole or not at all. Raise DiskFull."""
    names = sorted(difference.tensors)

    def write_to(file: BinaryIO) -> None:
        file.write(_HEAD.pack(_MAGIC, difference.epoch, difference.before, difference.after))
        file.writelines(_SCALE.pack(difference.tensors[name].scale) for name in names)
        for name in names:
            file.write(difference.tensors[name].steps.contiguous().numpy().data)

    with disk_full_translated(path):
        write_atomically(path, write_to)


def epoch_of(path: Path) -> int:
    """Return the epoch that a file says it is a difference of; 0 where it is something else, or missing."""
    try:
        with path.open("rb") as file:
            magic, epoch, _before, _after = _HEAD.unpack(file.read(_HEAD.size))
    except (OSError, struct.error):
        return 0
    return int(epoch) if magic == _MAGIC else 0


def read(path: Path, epoch: int, before: bytes, shapes: Shapes) -> Difference:
    """Read the difference that leads from the average `before` to `epoch`.

    `shapes` names every tensor, with the head or without. Raise JobError where it is anything else.
    """
    names = sorted(shapes.keys() - {HEAD_NAME})
    counts = [math.prod(shapes[name]) for name in names]
    try:
        with path.open("rb") as file:
            if path.stat().st_size != _HEAD.size + len(names) * _SCALE.size + sum(counts):
                raise JobError(why.DifferenceMalformed())
            head = file.read(_HEAD.size)
            scales = [_SCALE.unpack(file.read(_SCALE.size))[0] for _name in names]
            steps = [bytearray(file.read(count)) for count in counts]
    except (OSError, struct.error) as error:
        raise JobError(why.DifferenceMalformed()) from error
    magic, of_epoch, of_before, after = _HEAD.unpack(head)
    if magic != _MAGIC or [len(each) for each in steps] != counts:
        raise JobError(why.DifferenceMalformed())
    if (of_epoch, of_before) != (epoch, before):
        raise JobError(why.DifferenceOfAnotherAverage())
    tensors = {
        name: _checked(name, torch.frombuffer(data, dtype=torch.int8).reshape(shapes[name]), scale)
        for name, data, scale in zip(names, steps, scales, strict=True)
    }
    return Difference(epoch, before, tensors, after)


def check_bounds(tensors: Mapping[str, Tensor]) -> None:
    """Refuse differences that no training makes. Raise JobError."""
    for name, tensor in tensors.items():
        if float(tensor.abs().max()) > MOST:
            raise JobError(why.DifferenceOutOfBounds(name))


def _checked(name: str, steps: Tensor, scale: float) -> Rounded:
    if not 0.0 < scale <= MOST / STEPS or int(steps.min()) < -STEPS:  # also where it is not a number
        raise JobError(why.DifferenceOutOfBounds(name))
    return Rounded(steps, scale)
