"""Asks the services why results are rejected, or are to be, and appeals: not every network's say so."""

from __future__ import annotations

import asyncio
import logging

from emeth_tui.engine.context import Context
from emeth_tui.errors import InfoServerError
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import Appealed, AppealFailed, RejectionExplained, RejectionHeld

LOOK_EVERY_S = 5.0
ASKED_FOR_S = 300.0  # the server lags behind the chain

logger = logging.getLogger(__name__)


class Rejections:
    """The jobs whose results were rejected in this run, until it is known why."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._until_s: dict[JobId, float] = {}  # monotonic
        self._held: set[JobId] = set()
        self._not_appealed: set[JobId] = set()  # of which that was reported
        self.look_now = asyncio.Event()

    def note(self, job_id: JobId) -> None:
        """Ask for a job's reason from now on."""
        self._until_s[job_id] = self._context.clock.monotonic_s() + ASKED_FOR_S
        self.look_now.set()

    async def look(self) -> None:
        """Ask for every reason that is not known yet, and for rejections that are held."""
        await self._look_for_reasons()
        if not self._context.network.appeal_s:
            return
        for job in self._context.book.open_jobs():
            if job.state is not JobState.SUBMITTED or job.seen_end is not None:
                continue
            try:
                await self._look_at(job.job_id)
            except InfoServerError as error:
                logger.info("job %s: whether its rejection is held: %s", job.job_id, error)

    async def _look_at(self, job_id: JobId) -> None:
        """Report a rejection that is held, once, and appeal where the settings say so."""
        held = await self._context.appeals.held(job_id)
        if held is None or not (held.is_open or held.is_appealed):
            return
        if job_id not in self._held:
            self._held.add(job_id)
            self._context.events.publish(RejectionHeld(held.reason, held.until_unix_s), job_id=job_id)
        if held.is_open and self._context.settings.claims.appeal:
            await self._appeal(job_id)

    async def _appeal(self, job_id: JobId) -> None:
        """Appeal. Where that fails, report it once, and try again at the next look."""
        try:
            await self._context.appeals.appeal(job_id)
        except InfoServerError as error:
            logger.info("job %s: not appealed yet: %s", job_id, error)
            if job_id not in self._not_appealed:
                self._not_appealed.add(job_id)
                self._context.events.publish(AppealFailed(error.reason), job_id=job_id)
            return
        self._context.events.publish(Appealed(), job_id=job_id)

    async def _look_for_reasons(self) -> None:
        for job_id, until_s in list(self._until_s.items()):
            try:
                reason = await self._context.info.rejection(job_id)
            except InfoServerError as error:
                logger.info("job %s: no reason for its rejection: %s", job_id, error)
                reason = None
            if reason is not None:
                self._context.events.publish(RejectionExplained(reason), job_id=job_id)
            if reason is not None or self._context.clock.monotonic_s() >= until_s:
                del self._until_s[job_id]
