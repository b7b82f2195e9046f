"""Why nothing is claimed, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emeth_tui.notices.notice import Reason, alike


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why nothing is claimed now. While only its numbers change, it is the same since it began."""

    reason: Reason
    since_unix_s: float


class StandstillClock:
    """Remembers since when a reason holds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._current: Standstill | None = None

    def note(self, reason: Reason | None, began_unix_s: float | None = None) -> Standstill | None:
        """Return the standstill of the reason that holds now; `began_unix_s` where that is known."""
        if reason is None:
            self._current = None
        elif self._current is None or not alike(reason, self._current.reason):
            self._current = Standstill(reason, began_unix_s or self._now())
        else:
            self._current = Standstill(reason, self._current.since_unix_s)
        return self._current
