"""How many blocks go through a model at once: the effective batch, or less where memory is short.

The effective batch is what an optimiser step learns from; its gradients add up over micro batches, which
gives the same step. On a GPU the largest micro batch that fits is found by trying, before the first step,
and kept for that device and model. On the CPU, where the system kills instead of refusing, it is bounded by
an estimate.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from emeth_tui.errors import TrainingError
from emeth_tui.files import write_atomically
from emeth_tui.notices.reasons.training.run import OneBlockTooLarge
from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.model.gpt2 import Gpt2Shape

_HEADROOM = 0.9  # of the memory: the allocator's gaps, and what else lives on the device
_MORE_MEMORY = 1.1  # times what there was at the last trial: worth another
_HOST_SHARE = 0.5  # of the memory available, which others want as well
_FLOAT_BYTES = 4
_VALID_ROWS = 32
# What the backward pass keeps of a token, counted in the model's own autograd graph: per layer and unit of
# width, and per entry of the vocabulary (logits, their softmax and its gradient).
_KEPT_A_LAYER = 24
_KEPT_A_LOGIT = 3
log = logging.getLogger(__name__)

Try = Callable[[int], int]  # trains one step on so many blocks; returns the peak of memory in bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a device and model: so many blocks fit, so many do not (0: not known)."""

    fits: int
    too_many: int
    memory_bytes: int  # that the job could have when it was tried


class FoundBefore:
    """Keeps what was found, a file for each device and model; without a directory, nothing."""

    def __init__(self, directory: Path | None, device: Device, model: str, block_tokens: int) -> None:
        key = f"{device.name}:{device.compute_dtype}:{model}:{block_tokens}"
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        self._path = directory / f"{name}.json" if directory else None

    def load(self) -> Found | None:
        """Return what was found before, None where nothing was or its file is damaged."""
        try:
            return Found(**json.loads(self._path.read_bytes())) if self._path else None
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def save(self, found: Found) -> None:
        """Keep this. Without room on the disk it is found again next time."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(asdict(found)).encode())
        except OSError as error:
            log.warning("the micro batch that fits cannot be kept: %s", error)


class MicroBatch:
    """The micro batch of one training: at most its effective batch."""

    def __init__(self, effective: int, device: Device, before: FoundBefore | None = None) -> None:
        self.size = effective
        self.valid_rows = _VALID_ROWS  # a pass without gradients takes more blocks at once
        self._effective = effective
        self._device = device
        self._before = before or FoundBefore(None, device, "", 0)

    def bound_on_host(self, block_bytes: int, reserved_bytes: int) -> None:
        """Set what the host's memory allows, if a block takes so much of it, and the rest of the job that."""
        left_bytes = self._device.memory_bytes() * _HOST_SHARE - reserved_bytes
        self.size = max(1, min(self._effective, int(left_bytes) // block_bytes))

    def find(self, try_step: Try, estimate: int) -> None:
        """Set the largest size that fits, trying what is not known yet: so many by estimate, then others.

        `try_step` may raise what torch raises when memory runs out. Raise TrainingError when not even one
        block fits.
        """
        memory_bytes = self._device.memory_bytes()
        known = self._before.load()
        if known is None or memory_bytes > known.memory_bytes * _MORE_MEMORY:
            known = Found(0, 0, memory_bytes)
        if known.fits < self._effective and not known.too_many:
            known = self._search(known, try_step, estimate)
            if not known.fits:
                raise self._too_small()
            self._before.save(known)
        self.size = min(self._effective, known.fits)

    def is_whole(self, blocks: int) -> bool:
        """Return whether so many blocks are a whole step."""
        return blocks == self._effective

    def halve(self) -> None:
        """Halve the size after memory ran out. Raise TrainingError when one block is already too much."""
        if self.size == 1:
            raise self._too_small()
        too_many, self.size = self.size, self.size // 2
        self.valid_rows = self.size
        self._before.save(Found(self.size, too_many, self._device.memory_bytes()))

    def _search(self, known: Found, try_step: Try, estimate: int) -> Found:
        if known.fits:
            return self._grow(known, try_step, 0.0)
        size = max(1, min(self._effective, estimate))
        # A single block may have all the memory there is: without it there is no job.
        while (peak := self._peak(size, try_step)) > known.memory_bytes * (_HEADROOM if size > 1 else 1.0):
            if size == 1:
                return Found(0, 1, known.memory_bytes)
            size, known = size // 2, Found(0, size, known.memory_bytes)
        known = Found(size, known.too_many, known.memory_bytes)
        return known if known.too_many else self._grow(known, try_step, peak)

    def _grow(self, known: Found, try_step: Try, peak: float) -> Found:
        """Double the size, which took `peak` bytes, until memory runs out or is foreseen to."""
        fits, before = known.fits, 0.0
        while fits < self._effective:
            size = min(self._effective, 2 * fits)
            room_bytes = known.memory_bytes * _HEADROOM
            foreseen = 3 * peak - 2 * before if before else 0.0  # what grows doubles once more
            if foreseen <= room_bytes:
                before, peak = peak, self._peak(size, try_step)
            if max(foreseen, peak) > room_bytes:
                return Found(fits, size, known.memory_bytes)
            fits = size
        return Found(fits, 0, known.memory_bytes)

    def _peak(self, size: int, try_step: Try) -> float:
        """Return the most memory that a step of this size holds, in bytes; infinity when it does not fit."""
        try:
            return try_step(size)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return math.inf
        finally:
            self._device.free_cache()

    def _too_small(self) -> TrainingError:
        return TrainingError(OneBlockTooLarge(self._device.name))


def block_bytes(shape: Gpt2Shape, block_tokens: int) -> int:
    """Estimate the memory that training holds for each block of a micro batch, in fp32."""
    kept = shape.layers * shape.width * _KEPT_A_LAYER + shape.padded_vocab_size * _KEPT_A_LOGIT
    return block_tokens * kept * _FLOAT_BYTES
