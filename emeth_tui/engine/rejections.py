"""Asks the info server why results were rejected: not every network's says so."""

from __future__ import annotations

import asyncio
import logging

from emeth_tui.engine.context import Context
from emeth_tui.errors import InfoServerError
from emeth_tui.model import JobId
from emeth_tui.notices.events.job import RejectionExplained

LOOK_EVERY_S = 5.0
ASKED_FOR_S = 300.0  # the server lags behind the chain

logger = logging.getLogger(__name__)


class Rejections:
    """The jobs whose results were rejected in this run, until it is known why."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._until_unix_s: dict[JobId, float] = {}
        self.look_now = asyncio.Event()

    def note(self, job_id: JobId) -> None:
        """Ask for a job's reason from now on."""
        self._until_unix_s[job_id] = self._context.clock.now_unix_s() + ASKED_FOR_S
        self.look_now.set()

    async def look(self) -> None:
        """Ask for every reason that is not known yet."""
        for job_id, until_unix_s in list(self._until_unix_s.items()):
            try:
                reason = await self._context.info.rejection(job_id)
            except InfoServerError as error:
                logger.info("job %s: no reason for its rejection: %s", job_id, error)
                reason = None
            if reason is not None:
                self._context.events.publish(RejectionExplained(reason), job_id=job_id)
            if reason is not None or self._context.clock.now_unix_s() >= until_unix_s:
                del self._until_unix_s[job_id]
