"""The second verifier: a process of its own that checks results whose rejection is held, and says so.

It asks the network's services what to look at, so nothing has to reach it. It keeps nothing: after a restart
the services name again what has no opinion yet.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import httpx

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import EmethError, JobError, StorageError, StorageRejected
from emeth_tui.foreign_text import one_line
from emeth_tui.model import JobId
from emeth_tui.network.supervision import BACKOFF
from emeth_tui.network.verification.downloads import signed_call
from emeth_tui.network.verification.replaying import StatesDue
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.torch_process import TorchProcessSlow
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.notices.reasons.local.bots import StorageSilent
from emeth_tui.protocol.appeals import MOST_OPEN, OPEN_APPEALS_PATH, OPINION_PATH, opinion_text
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import parse_job_id, short
from emeth_tui.words.sentences import english

LOOK_EVERY_S = 10.0  # the services count the calls of an account
SLOW_AGAIN_S = 3_600.0  # others wait while a result is examined that takes too long
OPEN_TEXT = "appeals"  # in place of a job's id

_logger = logging.getLogger(__name__)


class SecondVerifier:
    """Gives opinions, one at a time. `services` leads to the network's info server."""

    def __init__(
        self,
        chain: ChainClient,
        wallet: Wallet,
        services: httpx.AsyncClient,
        check: ResultCheck,
        *,
        look_every_s: float = LOOK_EVERY_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chain = chain
        self._wallet = wallet
        self._services = services
        self._check = check
        self._look_every_s = look_every_s
        self._monotonic_s = monotonic_s
        self._failures: dict[JobId, int] = {}
        self._not_before_s: dict[JobId, float] = {}

    async def run(self) -> None:
        """Give opinions until cancelled."""
        while True:
            try:
                await self.look()
            except EmethError as error:
                _logger.warning("%s", error)
            await asyncio.sleep(self._look_every_s)

    async def look(self) -> None:
        """Give an opinion of every job of which one is asked. Raise StorageError and NetworkError."""
        open_jobs = await self._open_appeals()
        for job_id in self._failures.keys() - set(open_jobs):
            self._forget(job_id)
        for job_id in open_jobs:
            if self._monotonic_s() < self._not_before_s.get(job_id, 0.0):
                continue
            try:
                await self._look_at(job_id)
                self._forget(job_id)
            except StatesDue:
                continue
            except EmethError as error:
                self._wait(job_id, error)

    async def _look_at(self, job_id: JobId) -> None:
        job = (await self._chain.jobs([job_id])).get(job_id)
        if job is None or job.status is not JobStatus.SUBMITTED:
            return
        reason: Reason | None = None
        try:
            await self._check.check(job)
        except (StorageRejected, JobError) as error:
            reason = error.reason
        await self._say(job, reason)

    async def _open_appeals(self) -> list[JobId]:
        answer = await signed_call(self._services, OPEN_APPEALS_PATH, self._wallet, OPEN_TEXT)
        try:
            return [parse_job_id(str(one)) for one in list(answer["jobs"])[:MOST_OPEN]]
        except (KeyError, TypeError, JobError) as error:
            raise StorageError(StorageSilent(OPEN_APPEALS_PATH, one_line(type(error).__name__))) from error

    async def _say(self, job: ChainJob, reason: Reason | None) -> None:
        await signed_call(
            self._services,
            OPINION_PATH,
            self._wallet,
            job.job_id,
            text=opinion_text(
                job.job_id, self._chain.network.core_address, job.result, is_accepted=reason is None
            ),
            accepted=reason is None,
            result=job.result,
            reason={} if reason is None else to_data(reason),
        )
        _logger.info("%s: %s", short(job.job_id), "accepted" if reason is None else english(reason))

    def _wait(self, job_id: JobId, error: EmethError) -> None:
        self._failures[job_id] = self._failures.get(job_id, 0) + 1
        is_slow = isinstance(error, TorchProcessSlow)
        wait_s = SLOW_AGAIN_S if is_slow else BACKOFF.delay_s(self._failures[job_id])
        self._not_before_s[job_id] = self._monotonic_s() + wait_s
        _logger.warning("%s: %s; again in %.0f s", short(job_id), error, wait_s)

    def _forget(self, job_id: JobId) -> None:
        self._check.forget(job_id)
        self._failures.pop(job_id, None)
        self._not_before_s.pop(job_id, None)
