"""Checkpoints off the training thread: copied between two steps, written by a thread, at a bounded cost.

The training stops only for the copy. There is never more than one copy: while it is being written,
the next checkpoint that falls due is passed over. The cost is measured: on a CPU with the writing, which
takes the training's own cores; on a GPU only the copy, by events on the stream that it holds up. Epochs
longer than the interval that follows are all kept, of shorter ones one in several, and a crash repeats at
most the interval and the writing. A stop, a shutdown and `release_on_pause` wait for a checkpoint of the
very step.
"""

from __future__ import annotations

import concurrent.futures
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.reports import CheckpointKept, Report
from emeth_tui.training.run.state import bytes_of

# What a checkpoint is taken to cost until one has been measured.
_LEAST_COST_S = 0.02
_HOST_COPY_BYTES_PER_S = 1e9
_DEVICE_COPY_BYTES_PER_S = 5e9
Clock = Callable[[], float]
log = logging.getLogger(__name__)


class SavingPace:
    """When the next checkpoint is due, so that all of them cost at most `cost_share` of the time.

    After a checkpoint that cost `c` seconds none is due for `c / cost_share`. Past that, the end of an epoch
    is a good moment; within an epoch one is due when the last is `every_s` old as well.
    """

    def __init__(
        self, every_s: float, cost_share: float, expected_cost_s: float, clock: Clock = time.monotonic
    ) -> None:
        self._every_s = every_s
        self._cost_share = cost_share
        self._clock = clock
        self._cost_s = expected_cost_s
        self._saved_at = clock()

    @property
    def interval_s(self) -> float:
        """The least time between two checkpoints."""
        return self._cost_s / self._cost_share if self._cost_share else math.inf

    def due_after_epoch(self) -> bool:
        """Return whether an epoch that ends now should be saved."""
        return self._clock() - self._saved_at >= self.interval_s

    def due_within_epoch(self) -> bool:
        """Return whether a position within an epoch should be saved now."""
        return self._clock() - self._saved_at >= max(self._every_s, self.interval_s)

    def saved(self) -> None:
        """Count from now."""
        self._saved_at = self._clock()

    def cost(self, seconds: float) -> None:
        """Note what the last checkpoint cost the training."""
        self._cost_s = seconds


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
        self._buffers: dict[str, Tensor] = {}

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
            buffer = self._buffers[path] = _host_buffer(like)
        return buffer


def _host_buffer(like: Tensor) -> Tensor:
    """Allocate memory on the host; pinned for a GPU's copies, as far as the system allows."""
    if like.is_cuda:
        try:
            return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
    return torch.empty(like.shape, dtype=like.dtype)


@dataclass(frozen=True, slots=True)
class _Written:
    """A checkpoint on the disk, and the seconds that it took away from the training."""

    cost_s: float
    kept: CheckpointKept


class Saver:
    """Writes one training's checkpoints, one at a time, while the training goes on."""

    def __init__(
        self,
        store: CheckpointStore,
        pace: SavingPace,
        device: Device,
        report: Report = lambda event: None,
        timer: CopyTimer | None = None,
    ) -> None:
        """`report` is called on the training's own thread, with each checkpoint that has reached the disk."""
        self.pace = pace
        self._report = report
        self._store = store
        self._device = device
        self._copy = HostCopy(device, timer)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: Future[_Written] | None = None

    @property
    def busy(self) -> bool:
        """True while a checkpoint is being written."""
        return self._writing is not None and not self._writing.done()

    def check(self) -> None:
        """Finish a write that has ended. Raise what it raised: DiskFull, OSError."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def start(self, epoch: int, blocks_done: int, state: Mapping[str, Any]) -> None:
        """Copy the state and have it written, once what was being written is done. Raise DiskFull."""
        self.wait()
        started = time.monotonic()
        copy = self._copy.take(state)
        blocked_s = time.monotonic() - started
        self._writing = self._thread.submit(self._write, epoch, blocks_done, copy, blocked_s)
        self.pace.saved()

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until everything is on the disk; False when the time is up before.

        Raise what the writing raised: DiskFull, OSError.
        """
        writing = self._writing
        if writing is None:
            return True
        if not concurrent.futures.wait([writing], limit_s).done:
            return False
        self._writing = None
        self._take(writing.result())
        return True

    def close(self) -> None:
        """Wait for the last checkpoint, and end the thread."""
        self._thread.shutdown()
        if self._writing is None:
            return
        if error := self._writing.exception():
            log.warning("the last checkpoint was not written: %s", error)
        else:
            self._take(self._writing.result())

    def _take(self, written: _Written) -> None:
        self.pace.cost(written.cost_s)
        self._report(written.kept)

    def _write(self, epoch: int, blocks_done: int, copy: Mapping[str, Any], blocked_s: float) -> _Written:
        """Write a checkpoint and count the seconds that it took away from the training, its copy included.

        `blocked_s` is how long the training waited for `HostCopy.take`.
        """
        started = time.thread_time()
        copied_s = self._copy.wait_s()
        path = self._store.save(epoch, blocks_done, copy)
        if self._device.is_cuda:
            # The GPU's own time, or the host's where that is what a training is short of; they overlap. The
            # writing takes nothing away: the host's cores are idle, and it lets go of Python's lock.
            cost_s = max(blocked_s, copied_s)
        else:
            cost_s = blocked_s + time.thread_time() - started  # of the very cores that the training wants
        return _Written(cost_s, CheckpointKept(epoch, blocks_done, path.stat().st_size))


def expected_cost_s(parameters: Iterable[Tensor], device: Device) -> float:
    """Estimate what a checkpoint of a model and its AdamW states costs, before there has been one."""
    state_bytes = 3 * bytes_of(parameters)
    bytes_per_s = _DEVICE_COPY_BYTES_PER_S if device.is_cuda else _HOST_COPY_BYTES_PER_S
    return _LEAST_COST_S + state_bytes / bytes_per_s
