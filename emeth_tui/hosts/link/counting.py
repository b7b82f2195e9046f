"""Counts the bytes of files that a link moves, and reports them to the node once a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emeth_tui.hosts.messages import Carried

REPORT_EVERY_S = 1.0


class ByteCounter:
    """Counts for all transfers with a host. Nothing is reported while nothing moves."""

    def __init__(self, say: Callable[[Carried], None]) -> None:
        """`say` sends to the node."""
        self._say = say
        self._transfers = 0
        self._out_bytes = self._home_bytes = 0
        self._since_s = 0.0  # the last report, or the beginning of the first transfer

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """Count while inside; what is left is reported at the end of the last transfer."""
        if not self._transfers:
            self._since_s = time.monotonic()
        self._transfers += 1
        try:
            yield
        finally:
            self._transfers -= 1
            if not self._transfers:
                self._report(time.monotonic())

    def count(self, *, out_bytes: int = 0, home_bytes: int = 0) -> None:
        """Add bytes that went out, or came home."""
        self._out_bytes += out_bytes
        self._home_bytes += home_bytes
        now = time.monotonic()
        if now - self._since_s >= REPORT_EVERY_S:
            self._report(now)

    def _report(self, now_s: float) -> None:
        if self._out_bytes or self._home_bytes:
            self._say(Carried(self._out_bytes, self._home_bytes, now_s - self._since_s))
        self._out_bytes = self._home_bytes = 0
        self._since_s = now_s
