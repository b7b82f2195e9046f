"""Work that is repeated for as long as the node runs. A bug in one loop ends neither it nor the jobs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from emeth_tui.engine.events import EventLog
from emeth_tui.errors import DiskFull
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.events import node as events

logger = logging.getLogger(__name__)
GONE_AFTER_S = 10_800.0  # what does not go wrong for so long, longer than any loop waits, is over
Work = Callable[[], Awaitable[None]]


class Loops:
    """Starts loops, and reports what goes wrong in them: once while it lasts, in however many of them."""

    def __init__(self, log: EventLog, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic
        self._troubles: dict[str, float] = {}  # when each was met last

    def start(
        self,
        work: Work,
        interval_s: Callable[[], float],
        sooner: asyncio.Event | None = None,
    ) -> asyncio.Task[None]:
        """Do `work` now and then every `interval_s`, or as soon as `sooner` is set."""
        return asyncio.create_task(self._repeat(work, interval_s, sooner or asyncio.Event()))

    async def _repeat(self, work: Work, interval_s: Callable[[], float], sooner: asyncio.Event) -> None:
        while True:
            sooner.clear()
            try:
                await work()
            except DiskFull as error:
                if self._is_new(error):
                    self._log.publish(events.NotWritten(error.reason))
            except Exception as error:  # noqa: BLE001 - the top of a task: jobs under way must not end with it
                if self._is_new(error):
                    self.report_internal_error(work.__qualname__, error)
            await _waited(sooner, interval_s())

    def report_internal_error(self, part: str, error: BaseException) -> None:
        """Report a bug in this program; the node goes on."""
        logger.error("%s: internal error", part, exc_info=error)
        self._log.publish(events.InternalError(part, one_line(repr(error))))

    def _is_new(self, error: Exception) -> bool:
        """Whether nothing has gone wrong in the same way lately."""
        now = self._monotonic()
        self._troubles = {
            one: met_at for one, met_at in self._troubles.items() if now - met_at < GONE_AFTER_S
        }
        new = repr(error) not in self._troubles
        self._troubles[repr(error)] = now
        return new


async def _waited(sooner: asyncio.Event, limit_s: float) -> None:
    """Wait until an event is set, or for so long.

    A cancellation that comes with either is never lost: `asyncio.wait_for` loses it before Python 3.12, a
    scope of anyio before 3.11.
    """
    waiting = asyncio.ensure_future(sooner.wait())
    try:
        await asyncio.wait({waiting}, timeout=limit_s)
    finally:
        waiting.cancel()
