"""The deadline of a run that has its machine for a limited time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """Nothing starts after `begin_by_s`, nothing is waited for after `end_by_s`; both by `time.monotonic`."""

    begin_by_s: float = math.inf
    end_by_s: float = math.inf

    @classmethod
    def within(cls, begin_s: float, end_s: float) -> Deadline:
        """Return a deadline counted from now."""
        now = time.monotonic()
        return cls(now + begin_s, now + end_s)

    def sooner(self, within_s: float) -> Deadline:
        """Return the same, but with no wait longer than this from now."""
        return Deadline(self.begin_by_s, min(self.end_by_s, time.monotonic() + within_s))

    @property
    def passed(self) -> bool:
        """True when nothing may start any more."""
        return time.monotonic() >= self.begin_by_s

    def left_s(self) -> float:
        """Return how long what has started may still take."""
        return max(0.0, self.end_by_s - time.monotonic())


NO_DEADLINE = Deadline()
