"""Work that is repeated for as long as the node runs. A bug in one loop ends neither it nor the jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import anyio

from emeth_tui.engine.events import EventLog
from emeth_tui.errors import DiskFull
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.events import node as events
from emeth_tui.notices.notice import EventBody

logger = logging.getLogger(__name__)


class Loops:
    """Starts loops, and reports what goes wrong in them: once while it stays the same."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._reported_error = ""

    def start(
        self,
        work: Callable[[], Awaitable[None]],
        interval_s: Callable[[], float],
        sooner: asyncio.Event | None = None,
    ) -> asyncio.Task[None]:
        """Do `work` now and then every `interval_s`, or as soon as `sooner` is set."""
        return asyncio.create_task(self._repeat(work, interval_s, sooner or asyncio.Event()))

    async def _repeat(
        self, work: Callable[[], Awaitable[None]], interval_s: Callable[[], float], sooner: asyncio.Event
    ) -> None:
        while True:
            sooner.clear()
            try:
                await work()
            except DiskFull as error:
                self._report_once(error, events.NotWritten(error.reason))
            except Exception as error:  # noqa: BLE001 - the top of a task: jobs under way must not end with it
                self.report_internal_error(work.__name__, error)
            # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes with the result.
            with anyio.move_on_after(interval_s()):
                await sooner.wait()

    def report_internal_error(self, part: str, error: BaseException) -> None:
        """Report a bug in this program; the node goes on."""
        logger.error("%s: internal error", part, exc_info=error)
        self._report_once(error, events.InternalError(part, one_line(repr(error))))

    def _report_once(self, error: BaseException, body: EventBody) -> None:
        if repr(error) != self._reported_error:
            self._reported_error = repr(error)
            self._log.publish(body)
