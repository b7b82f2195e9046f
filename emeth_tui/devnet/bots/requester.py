"""The requester: keeps a number of jobs open, storing each one's dataset before its fee is escrowed."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from itertools import count

from emeth_tui.clients.chain.requests import JobRequest
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.devnet.bots.plan import ERRAND_FEE_WEI, JobPlan, Planner
from emeth_tui.errors import InsufficientFunds
from emeth_tui.model import JobId, format_token
from emeth_tui.network.account import Account
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.supervision import on_news
from emeth_tui.notices.reasons.local.bots import RequesterOutOfEmt
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes, short

POSTED_TOGETHER = 2  # jobs are topped up in pairs, one of each language
HOPELESS_S = 1_800  # a job that nobody took is cancelled this long before its deadline
LOOK_EVERY_S = 5.0

_logger = logging.getLogger(__name__)


class Requester:
    """Posts the planner's jobs; reads from the chain which numbers are taken."""

    def __init__(
        self,
        account: Account,
        mirror: JobMirror,
        storage: RequesterStorage,
        planner: Planner,
        *,
        open_jobs: int,
        open_errands: int,
    ) -> None:
        self._account = account
        self._mirror = mirror
        self._storage = storage
        self._planner = planner
        self._open_jobs = open_jobs
        self._open_errands = open_errands
        self._posted: dict[JobId, int] = {}  # id to fee of jobs that the mirror has not seen yet
        self._canceled: set[JobId] = set()  # likewise

    async def run(self) -> None:
        """Keep jobs open until cancelled. Raise NetworkError, StorageError or TransactionError."""
        await on_news(self._mirror, self.top_up, at_least_every_s=LOOK_EVERY_S)

    async def top_up(self) -> None:
        """Cancel jobs that nobody will take any more, then post as many as are missing."""
        open_jobs = list(self._mine_open())
        self._canceled &= {job.job_id for job in open_jobs}
        for job in open_jobs:
            if self._is_hopeless(job) and job.job_id not in self._canceled:
                await self._cancel(job)
        fees_wei = self._open_fees_wei()
        missing_errands = self._open_errands - fees_wei.count(ERRAND_FEE_WEI)
        missing = self._open_jobs - (len(fees_wei) - fees_wei.count(ERRAND_FEE_WEI))
        if missing >= min(POSTED_TOGETHER, self._open_jobs):
            for _ in range(missing):
                await self.post(self._planner.job(self._free_number("job")))
        for _ in range(missing_errands):
            await self.post(self._planner.errand(self._free_number("errand")))

    async def post(self, plan: JobPlan) -> None:
        """Store a dataset, then request its job. Raise InsufficientFunds when EMT runs out."""
        balances = await self._account.chain.balances(self._account.address)
        if balances.emt_wei < plan.fee_wei:
            raise InsufficientFunds(RequesterOutOfEmt(balances.emt_wei))
        dataset = await self._storage.store_dataset(plan.job_id, io.BytesIO(plan.dataset))
        head = self._mirror.head or await self._account.chain.head()
        what = f"job {plan.job_id}: request"
        await self._account.allow_core(plan.fee_wei, what)
        deadline_unix_s = head.timestamp_unix_s + plan.lifetime_s
        request = JobRequest(plan.job_id, dataset, plan.parameters, plan.fee_wei, deadline_unix_s)
        await self._account.send(request.call(self._account.chain), what)
        self._posted[plan.job_id] = plan.fee_wei
        _logger.info(
            "%s: requested: %s, %d bytes, fee %s EMT",
            short(plan.job_id),
            plan.parameters.language.value,
            len(plan.dataset),
            format_token(plan.fee_wei),
        )

    async def _cancel(self, job: ChainJob) -> None:
        call = self._account.chain.core("cancel", job_id_bytes(job.job_id))
        await self._account.send(call, f"job {job.job_id}: cancel")
        self._canceled.add(job.job_id)
        _logger.info("%s: cancelled: nobody took it in time", short(job.job_id))

    def _mine_open(self) -> Iterator[ChainJob]:
        for job in self._mirror.jobs.values():
            if job.owner == self._account.address and job.status is JobStatus.REQUESTED:
                yield job

    def _open_fees_wei(self) -> list[int]:
        for job_id in set(self._posted) & set(self._mirror.jobs):
            del self._posted[job_id]
        open_jobs = (job for job in self._mine_open() if job.job_id not in self._canceled)
        return [*self._posted.values(), *(job.fee_wei for job in open_jobs)]

    def _is_hopeless(self, job: ChainJob) -> bool:
        head = self._mirror.head
        return head is not None and head.timestamp_unix_s > job.deadline_unix_s - HOPELESS_S

    def _free_number(self, kind: str) -> int:
        """Return the first number whose job is not on the chain: a failure or a restart skips none."""
        taken = {*self._mirror.jobs, *self._posted}
        return next(number for number in count() if self._planner.job_id(kind, number) not in taken)
