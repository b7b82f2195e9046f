"""Attempts and the rests between them: exponential backoff with jitter, longer where the server asks for it.

What may be tried again is a short list: requests that do no harm when they arrive twice, which each client
knows of its own, and only after TryAgain, which `exchange` raises for passing errors of the connection and
for busy statuses.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from emeth_tui.backoff import Backoff
from emeth_tui.clients.http.exchange import Busy, TryAgain

DEFAULT_BACKOFF = Backoff(0.25, 8.0, jitter=0.5)

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try, and how long to rest between attempts."""

    attempts: int = 5
    backoff: Backoff = DEFAULT_BACKOFF
    longest_rest_s: float = 30.0  # whatever Retry-After says
    patience_s: float = 60.0  # no attempt begins later than this after the first
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def persist(self, attempt: Callable[[], Awaitable[_T]], what: str) -> _T:
        """Attempt something until it raises no TryAgain; raise that of the last attempt."""
        last_start_s = self.last_start_s()
        for number in range(1, self.attempts):
            try:
                return await attempt()
            except TryAgain as error:
                if time.monotonic() >= last_start_s:
                    raise
                await self.rest(number, what, error)
        return await attempt()

    def last_start_s(self) -> float:
        """Return the time by the monotonic clock after which no attempt begins, if the first begins now."""
        return time.monotonic() + self.patience_s

    async def rest(self, failures: int, what: str, problem: Exception) -> None:
        """Rest before the next attempt, the longer the more have failed, and log why."""
        rest_s = self.backoff.delay_s(failures)
        if isinstance(problem, Busy) and problem.retry_after_s is not None:
            rest_s = max(rest_s, min(problem.retry_after_s, self.longest_rest_s))
        _logger.info("%s: %s; trying again in %.1f s", what, problem, rest_s)
        await self.sleep(rest_s)


DEFAULT_RETRY = Retry()
