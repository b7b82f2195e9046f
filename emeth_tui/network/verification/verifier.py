"""The verifier: examines what nodes submit and settles it on the chain; times late jobs out.

A result is accepted when its file loads as nothing but tensors of the job's model, states at least 30 epochs
and carries the last link of their hash chain, and its validation loss beats the untrained model's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from emeth_tui.errors import EmethError, JobError, StorageRejected
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.network.objects.store import is_name
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.supervision import BACKOFF, on_news
from emeth_tui.network.verification.appeals import Appeals, Held, Ruling
from emeth_tui.network.verification.rejections import Rejections
from emeth_tui.network.verification.replaying import StatesDue
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.torch_process import TorchProcessSlow
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.contracts import ChainJob, JobStatus, estimated_gas
from emeth_tui.protocol.job_ids import job_id_bytes, short
from emeth_tui.words.sentences import english

LOOK_EVERY_S = 1.0
STATES_AGAIN_S = 10.0  # the storage counts the calls of an account
RULING_AGAIN_S = 2.0
SEEN_WITHIN_S = 600.0  # a verdict that is in a block; later the chain has lost it again
SLOW_AGAIN_S = 3_600.0  # others wait while a result is examined that takes too long

_logger = logging.getLogger(__name__)


class RulingDue(Exception):
    """A rejection is held: for its node, for a second verifier, or for the operator."""


@dataclass(slots=True)
class _Troubles:
    """What went wrong with a job so far, none of it known to be the job's fault."""

    failures: int = 0
    not_before_s: float = 0.0


class Verifier:
    """Settles submitted jobs one at a time. With `appeals`, rejections are held by their rule first."""

    def __init__(
        self,
        account: Account,
        mirror: JobMirror,
        check: ResultCheck,
        rejections: Rejections,
        appeals: Appeals | None = None,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._mirror = mirror
        self._check = check
        self._rejections = rejections
        self._appeals = appeals
        self._asked: set[JobId] = set()
        self._monotonic_s = monotonic_s
        # Until when the mirror may not have seen it yet.
        self._settled: dict[tuple[JobId, JobStatus], float] = {}
        self._troubles: dict[JobId, _Troubles] = {}

    async def run(self) -> None:
        """Settle jobs until cancelled."""
        await on_news(self._mirror, self.settle_all, at_least_every_s=LOOK_EVERY_S)

    async def settle_all(self) -> None:
        """Verify, reject or time out every job that is due. An error in one never holds up the others."""
        jobs = list(self._mirror.jobs.values())
        shown, now_s = {(job.job_id, job.status) for job in jobs}, self._monotonic_s()
        self._settled = {
            one: until_s for one, until_s in self._settled.items() if one in shown and now_s < until_s
        }
        for job in jobs:
            if not self._is_due(job):
                self._troubles.pop(job.job_id, None)
                self._check.forget(job.job_id)
                continue
            troubles = self._troubles.setdefault(job.job_id, _Troubles())
            if self._monotonic_s() >= troubles.not_before_s:
                await self._settle(job, troubles)

    async def _settle(self, job: ChainJob, troubles: _Troubles) -> None:
        try:
            if job.status is JobStatus.SUBMITTED:
                await self._judge(job)
            else:
                await self._time_out(job)
            self._settled[(job.job_id, job.status)] = self._monotonic_s() + SEEN_WITHIN_S
        except StatesDue:
            troubles.not_before_s = self._monotonic_s() + STATES_AGAIN_S
        except RulingDue:
            troubles.not_before_s = self._monotonic_s() + RULING_AGAIN_S
        except EmethError as error:
            troubles.failures += 1
            is_slow = isinstance(error, TorchProcessSlow)
            wait_s = SLOW_AGAIN_S if is_slow else BACKOFF.delay_s(troubles.failures)
            _logger.warning("%s: %s; again in %.0f s", short(job.job_id), error, wait_s)
            troubles.not_before_s = self._monotonic_s() + wait_s

    async def _judge(self, job: ChainJob) -> None:
        """Settle a result. Raise StatesDue or RulingDue where that has to wait."""
        if (earlier := self._mirror.repeated.get(job.job_id)) is not None:
            await self._reject(job, why.SeedRepeated(earlier))
            return
        held = None if self._appeals is None else await self._appeals.of(job.job_id)
        if held is not None and held.result == job.result:
            await self._rule(job, held)
            return
        try:
            dataset_bytes = await self._check.check(job)
        except (StorageRejected, JobError) as error:
            if self._appeals is None or not is_name(job.result):  # no storage has anything under it
                await self._reject(job, error.reason)
                return
            await self._appeals.hold(job.job_id, job.result, error.reason)
            _logger.warning(
                "%s: to be rejected, of %s: %s", short(job.job_id), job.node, english(error.reason)
            )
            raise RulingDue from None
        await self._accept(job, dataset_bytes)

    async def _rule(self, job: ChainJob, held: Held) -> None:
        """Do what has become of a held rejection."""
        assert self._appeals is not None  # noqa: S101 - it held it
        ruling = self._appeals.ruling(held)
        if ruling is Ruling.VERIFY:
            dataset_bytes = await self._check.accept(job)
            await self._settle_as(held, ruling)
            await self._accept(job, dataset_bytes)
        elif ruling is Ruling.REJECT:
            await self._settle_as(held, ruling)
            await self._reject(job, held.why())
        else:
            if ruling is Ruling.ASK and job.job_id not in self._asked:
                self._asked.add(job.job_id)
                _logger.warning("%s: held for the operator: `network verdicts`", short(job.job_id))
            raise RulingDue

    async def _settle_as(self, held: Held, ruling: Ruling) -> None:
        """Note a ruling before it is sent. Raise RulingDue where it is not the last word any more."""
        assert self._appeals is not None  # noqa: S101 - it held it
        if not await self._appeals.settle(held, ruling):
            raise RulingDue

    async def _accept(self, job: ChainJob, dataset_bytes: int) -> None:
        gas = estimated_gas(dataset_bytes)
        call = self._account.chain.core("verify", job_id_bytes(job.job_id), gas)
        await self._account.send(call, f"job {job.job_id}: verify")
        _logger.info("%s: verified: %d gas to %s", short(job.job_id), gas, job.node)

    async def _reject(self, job: ChainJob, reason: Reason) -> None:
        await self._rejections.record(job.job_id, reason)  # first: the node asks as soon as it is rejected
        call = self._account.chain.core("rejectResult", job_id_bytes(job.job_id))
        await self._account.send(call, f"job {job.job_id}: rejectResult")
        _logger.warning("%s: rejected, of %s: %s", short(job.job_id), job.node, english(reason))

    async def _time_out(self, job: ChainJob) -> None:
        call = self._account.chain.core("timeout", job_id_bytes(job.job_id))
        await self._account.send(call, f"job {job.job_id}: timeout")
        _logger.warning("%s: timed out, of %s", short(job.job_id), job.node)

    def _is_due(self, job: ChainJob) -> bool:
        is_due = job.status is JobStatus.SUBMITTED or self._is_late(job)
        return is_due and (job.job_id, job.status) not in self._settled

    def _is_late(self, job: ChainJob) -> bool:
        head = self._mirror.head
        is_past = head is not None and head.timestamp_unix_s > job.deadline_unix_s
        return job.status is JobStatus.PROCESSING and is_past
