"""The devnet chain's clock: the wall clock plus an offset that tests may move."""

from __future__ import annotations

import time
from collections.abc import Callable


class ChainClock:
    """The time of the next block, in unix seconds. It is never before the last block's."""

    def __init__(self, offset_s: int = 0, now: Callable[[], float] = time.time) -> None:
        self.offset_s = offset_s
        self._now = now
        self._next_unix_s: int | None = None

    def next_block_unix_s(self, head_unix_s: int) -> int:
        """Return the time that a block mined now would have."""
        if self._next_unix_s is not None:
            return self._next_unix_s
        return max(head_unix_s, int(self._now()) + self.offset_s)

    def block_mined(self, block_unix_s: int) -> None:
        """Continue from a time that was set for this block."""
        if self._next_unix_s is not None:
            self.offset_s = block_unix_s - int(self._now())
            self._next_unix_s = None

    def increase(self, seconds: int) -> int:
        """Move the clock forward and return the total offset."""
        self.offset_s += seconds
        return self.offset_s

    def set_next_block(self, unix_s: int) -> None:
        """Set the next block's time; the clock continues from there."""
        self._next_unix_s = unix_s
