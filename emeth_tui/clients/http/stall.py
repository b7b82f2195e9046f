"""How slow a large transfer may be: lines differ, but one that hardly moves is broken off.

What bounds it as a whole is the deadline of its job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from emeth_tui.clients.http.exchange import TryAgain
from emeth_tui.notices.reasons.network.exchange import TransferStalled


@dataclass(frozen=True, slots=True)
class StallLimit:
    """How slow a transfer may be: `min_bytes` in every `window_s`."""

    window_s: float = 60.0
    min_bytes: int = 60_000

    @contextmanager
    def watch(self) -> Iterator[StallWatch]:
        """Watch a transfer; raise TryAgain when it stalls, waiting for the first byte included."""
        with anyio.move_on_after(self.window_s) as scope:
            watch = StallWatch(self, scope)
            yield watch
        if scope.cancelled_caught:
            raise TryAgain(TransferStalled(watch.moved_bytes, self.window_s))


class StallWatch:
    """One transfer's progress in the current window."""

    def __init__(self, limit: StallLimit, scope: anyio.CancelScope) -> None:
        self._limit = limit
        self._scope = scope
        self.moved_bytes = 0

    def moved(self, size_bytes: int) -> None:
        """Count bytes that arrived or left; enough of them begin the next window."""
        self.moved_bytes += size_bytes
        if self.moved_bytes >= self._limit.min_bytes:
            self.moved_bytes = 0
            self._scope.deadline = anyio.current_time() + self._limit.window_s


DEFAULT_STALL_LIMIT = StallLimit()
