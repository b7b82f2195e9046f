"""The verifier: examines what nodes submit and settles it on the chain; times late jobs out.

A result is accepted when its file loads as nothing but tensors of the job's model, states at least 30 epochs
and carries the last link of their hash chain, and its validation loss beats the untrained model's.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from emeth_tui.errors import EmethError, JobError, StorageRejected
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.network.files import make_private_directory
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.storing import MAX_DATASET_BYTES
from emeth_tui.network.supervision import BACKOFF, on_news
from emeth_tui.network.verification.downloads import fetch, signed_url
from emeth_tui.network.verification.examiner import Examiner, Submission
from emeth_tui.network.verification.judging import check_examination
from emeth_tui.network.verification.originals import Originals
from emeth_tui.network.verification.rejections import Rejections
from emeth_tui.network.verification.replaying import Replayer, StatesDue
from emeth_tui.network.verification.torch_process import TorchProcessDied, TorchProcessSlow
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.verification import (
    ResultEndsProcess,
)
from emeth_tui.protocol.contracts import ChainJob, JobStatus, estimated_gas
from emeth_tui.protocol.job_ids import job_id_bytes, short
from emeth_tui.protocol.parameters import parse_parameters
from emeth_tui.protocol.storage_api import SIGNED_GET_URL_PATH, VERIFIER_GET_URL_PATH
from emeth_tui.training.data.text_file import dataset_digest
from emeth_tui.words.sentences import english

MAX_RESULT_BYTES = 64_000_000  # ours: devnet-small's results have 2.5 MB
MAX_DEATHS = 2  # of the process that examines a result, before the result is blamed
LOOK_EVERY_S = 1.0
STATES_AGAIN_S = 10.0  # the storage counts the calls of an account
SLOW_AGAIN_S = 3_600.0  # others wait while a result is examined that takes too long

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Troubles:
    """What went wrong with a job so far, none of it known to be the job's fault."""

    deaths: int = 0
    failures: int = 0
    not_before_s: float = 0.0


class Verifier:
    """Settles submitted jobs one at a time."""

    def __init__(
        self,
        account: Account,
        mirror: JobMirror,
        storage: httpx.AsyncClient,
        examine: Examiner,
        rejections: Rejections,
        originals: Originals | None = None,
        replayer: Replayer | None = None,
        *,
        verification_key: str,
        work_dir: Path,
        max_result_bytes: int = MAX_RESULT_BYTES,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._mirror = mirror
        self._storage = storage
        self._examine = examine
        self._rejections = rejections
        self._originals = originals
        self._replayer = replayer
        self._verification_key = verification_key
        self._work_dir = make_private_directory(work_dir)
        self._max_result_bytes = max_result_bytes
        self._monotonic_s = monotonic_s
        self._settled: set[tuple[JobId, JobStatus]] = set()  # because the mirror may not have seen it yet
        self._troubles: dict[JobId, _Troubles] = {}

    async def run(self) -> None:
        """Settle jobs until cancelled."""
        await on_news(self._mirror, self.settle_all, at_least_every_s=LOOK_EVERY_S)

    async def settle_all(self) -> None:
        """Verify, reject or time out every job that is due. An error in one never holds up the others."""
        jobs = list(self._mirror.jobs.values())
        self._settled &= {(job.job_id, job.status) for job in jobs}
        for job in jobs:
            if not self._is_due(job):
                self._troubles.pop(job.job_id, None)
                if self._replayer is not None:
                    self._replayer.forget(job.job_id)
                continue
            troubles = self._troubles.setdefault(job.job_id, _Troubles())
            if self._monotonic_s() >= troubles.not_before_s:
                await self._settle(job, troubles)

    async def _settle(self, job: ChainJob, troubles: _Troubles) -> None:
        try:
            if job.status is JobStatus.SUBMITTED:
                await self._judge(job, troubles)
            else:
                await self._time_out(job)
            self._settled.add((job.job_id, job.status))
        except StatesDue:
            troubles.not_before_s = self._monotonic_s() + STATES_AGAIN_S
        except EmethError as error:
            troubles.failures += 1
            is_slow = isinstance(error, TorchProcessSlow)
            wait_s = SLOW_AGAIN_S if is_slow else BACKOFF.delay_s(troubles.failures)
            _logger.warning("%s: %s; again in %.0f s", short(job.job_id), error, wait_s)
            troubles.not_before_s = self._monotonic_s() + wait_s

    async def _judge(self, job: ChainJob, troubles: _Troubles) -> None:
        directory = make_private_directory(self._work_dir / job.job_id)
        try:
            dataset_bytes = await self._check(job, directory, troubles)
        except (StorageRejected, JobError) as error:
            await self._reject(job, error.reason)
            return
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        gas = estimated_gas(dataset_bytes)
        call = self._account.chain.core("verify", job_id_bytes(job.job_id), gas)
        await self._account.send(call, f"job {job.job_id}: verify")
        _logger.info("%s: verified: %d gas to %s", short(job.job_id), gas, job.node)

    async def _check(self, job: ChainJob, directory: Path, troubles: _Troubles) -> int:
        """Check a result and return the dataset's size. Raise JobError or StorageRejected for a bad one."""
        if self._replayer is not None:
            await self._replayer.wait(job)
        parameters = parse_parameters(job.param)
        dataset, result = directory / "dataset.txt", directory / "result.pt"
        await self._fetch(job.job_id, SIGNED_GET_URL_PATH, dataset, MAX_DATASET_BYTES)
        await self._fetch(job.job_id, VERIFIER_GET_URL_PATH, result, self._max_result_bytes)
        digest = await asyncio.to_thread(dataset_digest, dataset)
        submission = Submission(job.job_id, parameters.language.value, dataset, result, digest)
        try:
            seen = await self._examine(submission)
            check_examination(seen, digest, self._verification_key)
            if self._replayer is not None:
                await self._replayer.check(job, submission, seen)
        except TorchProcessSlow:
            raise  # which says nothing about the result
        except TorchProcessDied as error:
            troubles.deaths += 1
            if troubles.deaths < MAX_DEATHS:
                raise
            raise JobError(ResultEndsProcess()) from error
        if self._originals is not None:
            self._originals.keep(digest, job.job_id, submission.sketch)
        return dataset.stat().st_size

    async def _fetch(self, job_id: JobId, url_path: str, path: Path, max_bytes: int) -> None:
        answer = await signed_url(self._storage, url_path, self._account.wallet, job_id)
        await fetch(
            self._storage, answer["url"], path, max_bytes=max_bytes, what=f"job {job_id}: its {path.stem}"
        )

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
