"""Requests to a running job from outside: set by any thread, polled by the training thread."""

from __future__ import annotations

import threading


class StopRequested(Exception):  # not an error: the job was asked to stop, and does
    """Raised at the next safe point after `Control.stop`."""


class Control:
    """Pause, resume and stop flags of one job, and what it waits for: the hash, and averages of its members.

    The flags are read without the lock in the training loop: a plain attribute costs nothing a step.
    Re-entrant, so that a signal handler may call `stop` whatever the main thread is doing.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._paused = False
        self._stopping = False
        self._hash_hex: str | None = None
        self._averaged = 0
        self._counted: dict[int, float] = {}

    @property
    def paused(self) -> bool:
        """True from `pause` to `resume`."""
        return self._paused

    @property
    def stopping(self) -> bool:
        """True from `stop` on, for good."""
        return self._stopping

    @property
    def attention(self) -> bool:
        """True when there is a request for the training loop to handle."""
        return self._paused or self._stopping

    def pause(self) -> None:
        """Ask the job to pause at the next step boundary."""
        self._paused = True

    def resume(self) -> None:
        """Let a paused job go on."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask the job to save a checkpoint at the next step boundary and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def write_result(self, hash_hex: str) -> None:
        """Set the last link of the hash chain, which the result file carries."""
        with self._changed:
            self._hash_hex = hash_hex
            self._changed.notify_all()

    def take_average(self, epoch: int) -> None:
        """Note that the average of an epoch is there."""
        with self._changed:
            self._averaged = max(self._averaged, epoch)
            self._changed.notify_all()

    def count_epoch(self, epoch: int, valid_loss: float) -> None:
        """Note that an epoch counts, with this validation loss for all members."""
        with self._changed:
            self._counted[epoch] = valid_loss
            self._changed.notify_all()

    def wait_for_average(self, epoch: int, limit_s: float) -> bool:
        """Wait until the average of an epoch is there, the job is to stop or the time is up; say which."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._averaged >= epoch, limit_s)
            return self._averaged >= epoch

    def wait_for_stop(self, limit_s: float) -> None:
        """Wait until the job is to stop or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, limit_s)

    def wait_for_count(self, epoch: int, limit_s: float) -> float | None:
        """Return an epoch's validation loss once it counts, None when the job is to stop or time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or epoch in self._counted, limit_s)
            return self._counted.get(epoch)

    def check(self) -> None:
        """Raise StopRequested if the job was asked to stop."""
        if self._stopping:
            raise StopRequested

    def wait_while_paused(self) -> None:
        """Return when the job may go on. Raise StopRequested when it is to stop instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._paused)
        self.check()

    def wait_for_hash(self) -> str:
        """Return the hash when it has come. Raise StopRequested when the job is to stop instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._hash_hex is not None)
            if self._hash_hex is None:
                raise StopRequested
            return self._hash_hex
