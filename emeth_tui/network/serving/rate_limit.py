"""How much each party may ask: a bucket of tokens for each, refilled as time passes."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_KNOWN = 10_000  # parties; a full bucket is like none


class RateLimit:
    """Lets each party ask so often a minute, all of it at once if it likes."""

    def __init__(self, per_minute: int, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_s = per_minute / 60
        self._monotonic_s = monotonic_s
        self._left: dict[str, tuple[float, float]] = {}  # tokens, and when that was

    def take(self, party: str) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        now_s = self._monotonic_s()
        tokens = self._tokens(party, now_s)
        if tokens < 1:
            return (1 - tokens) / self._per_s
        self._left.pop(party, None)  # the newest stand last
        self._left[party] = (tokens - 1, now_s)
        if len(self._left) > MOST_KNOWN:
            self._forget(now_s)
        return 0.0

    def _tokens(self, party: str, now_s: float) -> float:
        tokens, at_s = self._left.get(party, (self._capacity, now_s))
        return min(self._capacity, tokens + (now_s - at_s) * self._per_s)

    def _forget(self, now_s: float) -> None:
        """Forget those whose buckets are full again; if all are in use, those that asked longest ago."""
        full = [party for party in self._left if self._tokens(party, now_s) >= self._capacity]
        for party in full or list(self._left)[: MOST_KNOWN // 10]:
            del self._left[party]
