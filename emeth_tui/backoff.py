"""Exponential backoff: how long to wait before the next try."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between tries: `first_s`, doubled with each failure, up to `longest_s`.

    `jitter` is the share of the wait that chance may take away (0.5: between half and all of it), so that
    many who failed together do not come back together.
    """

    first_s: float
    longest_s: float
    jitter: float = 0.0

    def delay_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row, the first counted as 1."""
        full_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return full_s * (1.0 - self.jitter * random.random())  # noqa: S311 - spreads load, hides nothing
