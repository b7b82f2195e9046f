"""Time as deadlines and slots see it: the chain's, which may run ahead of this machine's."""

from __future__ import annotations

import time
from collections.abc import Callable


class ChainClock:
    """The later of this machine's clock and the newest block's timestamp, in unix seconds.

    The later one is the safe choice: a deadline never looks further away than it is.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._head_unix_s = 0

    def saw_block(self, timestamp_unix_s: int) -> None:
        """Record the newest block's timestamp."""
        self._head_unix_s = max(self._head_unix_s, timestamp_unix_s)

    def now_unix_s(self) -> float:
        return max(self._wall(), float(self._head_unix_s))
