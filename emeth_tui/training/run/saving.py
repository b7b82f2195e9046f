"""Checkpoints off the training thread: copied between two steps, written by a thread, at a bounded cost.

The training stops only for the copy. There is never more than one copy: while it is being written,
the next checkpoint that falls due is passed over. The cost is measured: on a CPU with the writing, which
takes the training's own cores; on a GPU only the copy, by events on the stream that it holds up. Disks wear
out, so there is a budget of bytes a day as well. Epochs longer than the interval that follows are all kept,
of shorter ones one in several, and a crash repeats at most the interval and the writing. A stop, a shutdown
and `release_on_pause` wait for a checkpoint of the very step.
"""

from __future__ import annotations

import concurrent.futures
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from emeth_tui.training.devices import Device
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.host_copy import CopyTimer, HostCopy
from emeth_tui.training.reports import CheckpointKept, Report
from emeth_tui.training.run.state import SavingLimits, bytes_of

# What a checkpoint is taken to cost until one has been measured.
_LEAST_COST_S = 0.02
_HOST_COPY_BYTES_PER_S = 1e9
_DEVICE_COPY_BYTES_PER_S = 5e9
_DAY_S = 86_400.0
_NOTHING: Mapping[str, Any] = {}
Clock = Callable[[], float]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a checkpoint takes: seconds of the training, and bytes on the disk."""

    seconds: float
    size_bytes: int = 0


class SavingPace:
    """When the next checkpoint is due, so that all of them cost at most `cost_share` of the time.

    After a checkpoint that cost `c` seconds none is due for `c / cost_share`. Past that, the end of an epoch
    is a good moment, if the disk has had its rest, which is never longer than `every_s`; within an epoch one
    is due when the last is `every_s` old as well.
    """

    def __init__(self, limits: SavingLimits, expected: Cost, clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._cost = expected
        self._saved_at = clock()

    @property
    def interval_s(self) -> float:
        """The least time between two checkpoints, by what one costs the training."""
        share = self._limits.cost_share
        return self._cost.seconds / share if share else math.inf

    @property
    def rest_s(self) -> float:
        """The least time between two checkpoints, for the disk's sake."""
        limits = self._limits
        within_budget_s = self._cost.size_bytes * _DAY_S / limits.bytes_a_day
        return min(limits.every_s, max(limits.gap_s, within_budget_s))

    def due_after_epoch(self) -> bool:
        """Return whether an epoch that ends now should be saved."""
        return self._clock() - self._saved_at >= max(self.rest_s, self.interval_s)

    def due_within_epoch(self) -> bool:
        """Return whether a position within an epoch should be saved now."""
        return self._clock() - self._saved_at >= max(self._limits.every_s, self.interval_s)

    def saved(self) -> None:
        """Count from now."""
        self._saved_at = self._clock()

    def cost(self, cost: Cost) -> None:
        """Note what the last checkpoint took."""
        self._cost = cost


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
        # A thread begins on the first GPU, whichever is the job's.
        self._thread = ThreadPoolExecutor(1, "checkpoint", device.make_current)
        self._reserving: Future[None] | None = None
        self._writing: Future[_Written] | None = None

    @property
    def busy(self) -> bool:
        """True while a checkpoint is being written."""
        return self._writing is not None and not self._writing.done()

    def reserve(self, parameters: Sequence[Tensor]) -> None:
        """Have a GPU's memory for copies ready before the first: of a model and its two AdamW states."""
        if self._device.is_cuda:
            self._reserving = self._thread.submit(self._copy.reserve, [*parameters] * 3)

    def check(self) -> None:
        """Finish a write that has ended. Raise what it raised: DiskFull, OSError."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def start(
        self, epoch: int, blocks_done: int, state: Mapping[str, Any], unchanging: Mapping[str, Any] = _NOTHING
    ) -> None:
        """Copy the state and have it written, once what was being written is done. Raise DiskFull.

        What is `unchanging` is written with it as it is.
        """
        self.wait()
        started = time.monotonic()
        if self._reserving is not None:
            self._reserving.result()
            self._reserving = None
        copy = {**self._copy.take(state), **unchanging}
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
        self.pace.cost(Cost(written.cost_s, written.kept.size_bytes))
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


def expected_cost(parameters: Sequence[Tensor], device: Device) -> Cost:
    """Estimate what a checkpoint of a model and its AdamW states takes, before there has been one."""
    state_bytes = 3 * bytes_of(parameters)
    bytes_per_s = _DEVICE_COPY_BYTES_PER_S if device.is_cuda else _HOST_COPY_BYTES_PER_S
    return Cost(_LEAST_COST_S + state_bytes / bytes_per_s, state_bytes)
