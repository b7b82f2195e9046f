"""How many bytes of files move between the node and a host, and how fast."""

from __future__ import annotations

import time
from dataclasses import dataclass

RATE_HOLDS_S = 3.0  # a report is due every second while files move
LEAST_S = 1e-3  # of a report


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of files out to a host and home from it since the node started; a second, while files move."""

    out_bytes: int = 0
    home_bytes: int = 0
    out_bytes_per_s: float = 0.0
    home_bytes_per_s: float = 0.0


class TrafficMeter:
    """Adds up what a host's link reports."""

    def __init__(self) -> None:
        self._out_bytes = self._home_bytes = 0
        self._rates = 0.0, 0.0
        self._reported_at_s: float | None = None  # by the monotonic clock

    def count(self, out_bytes: int, home_bytes: int, seconds: float) -> None:
        """Add what has moved since the last report."""
        self._out_bytes += out_bytes
        self._home_bytes += home_bytes
        seconds = max(seconds, LEAST_S)
        self._rates = out_bytes / seconds, home_bytes / seconds
        self._reported_at_s = time.monotonic()

    def reading(self, *, moving: bool) -> Traffic:
        """Return the traffic so far; without a file that moves, or a recent report, there is no rate."""
        at_s = self._reported_at_s
        recent = moving and at_s is not None and time.monotonic() - at_s <= RATE_HOLDS_S
        return Traffic(self._out_bytes, self._home_bytes, *(self._rates if recent else (0.0, 0.0)))
