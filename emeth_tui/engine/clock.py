"""Time as deadlines and slots see it, and what others say about this machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emeth_tui.model import ServiceName
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import ClockAhead, ClockBehind
from emeth_tui.protocol.storage_api import SIGNATURE_LIFETIME_S

MAX_DIFFERENCE_S = SIGNATURE_LIFETIME_S - 10  # a signed call takes its time to arrive
FRESH_S = 600.0  # how long an answer's date is believed: the clock may have been set since


@dataclass(frozen=True, slots=True)
class _Difference:
    """How far this machine's clock is ahead of another one, at least; behind it below 0."""

    seconds: float
    at_monotonic_s: float


class ChainClock:
    """The later of this machine's clock and the newest block's timestamp, in unix seconds.

    The later one is the safe choice: a deadline never looks further away than it is.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._head_unix_s = 0
        self._differences: dict[ServiceName, _Difference] = {}

    def saw_block(self, timestamp_unix_s: int) -> None:
        """Record the newest block's timestamp; a wrong one counts until the next look."""
        self._head_unix_s = timestamp_unix_s

    def saw_date(
        self, service: ServiceName, date_unix_s: float, sent_unix_s: float, received_unix_s: float
    ) -> None:
        """Record the date of an answer, in whole seconds, and when by our clock it was asked for and came."""
        ahead_s = max(0.0, sent_unix_s - (date_unix_s + 1))
        behind_s = max(0.0, date_unix_s - received_unix_s)
        self._differences[service] = _Difference(ahead_s - behind_s, self._monotonic())

    def now_unix_s(self) -> float:
        return max(self._wall(), float(self._head_unix_s))

    def monotonic_s(self) -> float:
        """Return the seconds of a clock that neither its owner nor an endpoint sets."""
        return self._monotonic()

    def why_wrong(self) -> Reason | None:
        """Return that this machine's clock is too far off for the storage to accept signed calls.

        The storage's own date decides; without one, the info server's. A block says something only from
        the future: on a quiet chain the newest one may be of any age.
        """
        for service in (ServiceName.STORAGE, ServiceName.INFO_SERVER):
            if (difference := self._fresh.get(service)) is not None:
                return _wrong(service, difference.seconds)
        return _wrong(ServiceName.CHAIN, min(0.0, self._wall() - self._head_unix_s))

    @property
    def _fresh(self) -> Mapping[ServiceName, _Difference]:
        oldest_s = self._monotonic() - FRESH_S
        return {name: one for name, one in self._differences.items() if one.at_monotonic_s >= oldest_s}


def _wrong(service: ServiceName, ahead_s: float) -> Reason | None:
    if abs(ahead_s) <= MAX_DIFFERENCE_S:
        return None
    kind = ClockAhead if ahead_s > 0 else ClockBehind
    return kind(service, round(abs(ahead_s)), MAX_DIFFERENCE_S)
