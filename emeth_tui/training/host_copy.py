"""A copy of a training's state in the host's memory, made between two steps.

On a GPU the copies are only begun: they follow what the GPU was given before, and arrive later. That takes
pinned memory, which the system can neither move nor swap out, so there is none where the host is short of it,
and it is taken on a thread beside the training, for taking it takes seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.host_memory import available_bytes

_PINNED_SHARE = 0.25  # of the memory that the host has left: other GPUs' workers want theirs
log = logging.getLogger(__name__)


class CopyTimer(Protocol):
    """Times copies that a device makes later, when it has done what it was given before."""

    def start(self) -> None:
        """Mark that the copies come next."""

    def end(self) -> None:
        """Mark that they were the last ones."""

    def wait_s(self) -> float:
        """Return when the device has made them all: the seconds that it took from mark to mark."""


class StreamTimer:
    """Times copies on the GPU's stream that the training's own work goes through, which they hold up."""

    def __init__(self) -> None:
        self._started, self._ended = (
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(2)
        )

    def start(self) -> None:
        """Mark that the copies come next."""
        self._started.record()

    def end(self) -> None:
        """Mark that they were the last ones."""
        self._ended.record()

    def wait_s(self) -> float:
        """Return when the GPU has made them all: the seconds that it took from mark to mark."""
        self._ended.synchronize()
        return float(self._started.elapsed_time(self._ended)) / 1_000.0


class HostCopy:
    """Host memory for one copy of a training's state, used again for every checkpoint."""

    def __init__(self, device: Device, timer: CopyTimer | None = None) -> None:
        """`timer` defaults to a GPU's own; a CPU needs none, because it copies at once."""
        self._timer = timer or (StreamTimer() if device.is_cuda else None)
        self._pinned = device.is_cuda
        self._buffers: dict[str, Tensor] = {}
        self._spare: dict[tuple[torch.Size, torch.dtype], list[Tensor]] = {}

    def reserve(self, likes: Iterable[Tensor]) -> None:
        """Take memory for tensors like these; pinned for a GPU's copies, if the host has enough."""
        likes = list(likes)
        wanted_bytes = sum(like.numel() * like.element_size() for like in likes)
        available = available_bytes()
        if wanted_bytes > _PINNED_SHARE * available:
            log.warning(
                "checkpoints of %d MB copy slowly: %d MB of the host's memory are too little to pin that",
                wanted_bytes >> 20,
                available >> 20,
            )
            self._pinned = False
            return
        for like in likes:
            self._spare.setdefault((like.shape, like.dtype), []).append(self._host_buffer(like))

    def take(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Copy all tensors of a nested dict; those on a GPU arrive later, see `wait_s`."""
        if self._timer is not None:
            self._timer.start()
        with torch.inference_mode(False), torch.no_grad():  # a buffer outlives the context it was made in
            copy: dict[str, Any] = self._copy("", state)
        if self._timer is not None:
            self._timer.end()
        return copy

    def wait_s(self) -> float:
        """Return when all tensors of the last copy have arrived: the seconds that held the GPU up."""
        return self._timer.wait_s() if self._timer is not None else 0.0

    def _copy(self, path: str, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._buffer(path, value).copy_(value, non_blocking=True)
        if isinstance(value, Mapping):
            return {key: self._copy(f"{path}/{key}", inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._copy(f"{path}/{index}", inner) for index, inner in enumerate(value)]
        return value

    def _buffer(self, path: str, like: Tensor) -> Tensor:
        buffer = self._buffers.get(path)
        if buffer is None or buffer.shape != like.shape or buffer.dtype != like.dtype:
            spare = self._spare.get((like.shape, like.dtype))
            buffer = self._buffers[path] = spare.pop() if spare else self._host_buffer(like)
        return buffer

    def _host_buffer(self, like: Tensor) -> Tensor:
        if self._pinned:
            try:
                return pinned(like)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
        return torch.empty(like.shape, dtype=like.dtype)


def pinned(like: Tensor) -> Tensor:
    """Allocate pinned memory for a tensor's copy; this makes a context on the thread's current GPU."""
    return torch.empty(like.shape, dtype=like.dtype, pin_memory=like.is_cuda)
