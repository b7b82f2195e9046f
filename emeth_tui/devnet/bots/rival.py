"""The rival: another node that earns gas by real work, so that the daily reward is shared.

It takes the cheapest tiny job now and then, one at a time, and only when enough others are open: the
network belongs to the user's node.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.errors import DatasetError, JobError, Reverted, StorageRejected, TrainingError
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.network.files import make_private_directory
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.supervision import on_news
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes, short
from emeth_tui.protocol.parameters import epochs_to_train, parse_parameters

LEAVES_OPEN = 2  # the best paid jobs are never the rival's
TRAIN_LIMIT_S = 1_800.0
LOOK_EVERY_S = 5.0

_logger = logging.getLogger(__name__)

# Train (job id, language, epochs, dataset, work directory) and return the result file. Raise JobError.
Train = Callable[[JobId, str, int, Path, Path], Awaitable[Path]]


class Rival:
    """A minimal node: claim, download, train, upload, submit."""

    def __init__(
        self,
        account: Account,
        mirror: JobMirror,
        storage: StorageClient,
        train: Train,
        *,
        work_dir: Path,
        max_dataset_bytes: int,
        rest_s: float,
    ) -> None:
        self._account = account
        self._mirror = mirror
        self._storage = storage
        self._train = train
        self._work_dir = make_private_directory(work_dir)
        self._max_dataset_bytes = max_dataset_bytes
        self._rest_s = rest_s
        self._done: set[JobId] = set()  # because the mirror may not have seen it yet

    async def run(self) -> None:
        """Work until cancelled. Raise EmethError when something fails; the next run resumes the job."""
        await on_news(self._mirror, self.work, at_least_every_s=LOOK_EVERY_S)

    async def work(self) -> None:
        """Finish the job already claimed, else claim one if there is one to take; then rest."""
        job = self._claimed() or await self._claim()
        if job is None:
            return
        try:
            await self._finish(job)
        except (DatasetError, TrainingError, JobError, StorageRejected) as error:
            # Declining costs the same as a timeout would, and the job ends today.
            await self._send("decline", job.job_id)
            _logger.warning("%s: the rival declined it: %s", short(job.job_id), error)
        shutil.rmtree(self._work_dir / job.job_id, ignore_errors=True)
        self._done.add(job.job_id)
        await asyncio.sleep(self._rest_s)

    def _claimed(self) -> ChainJob | None:
        ours = {
            job.job_id: job
            for job in self._mirror.jobs.values()
            if job.status is JobStatus.PROCESSING and job.node == self._account.address
        }
        self._done &= set(ours)
        return next((job for job_id, job in ours.items() if job_id not in self._done), None)

    async def _claim(self) -> ChainJob | None:
        offered = [job for job in self._mirror.jobs.values() if job.status is JobStatus.REQUESTED]
        by_fee = sorted(offered, key=lambda job: job.fee_wei)
        for job in by_fee[: max(0, len(by_fee) - LEAVES_OPEN)]:
            if not await self._is_for_us(job):
                continue
            await self._account.allow_core(job.fee_wei, f"job {job.job_id}: approve")
            try:
                await self._send("process", job.job_id)
            except Reverted:
                return None  # another node was faster
            _logger.info("%s: claimed by the rival", short(job.job_id))
            return (await self._account.chain.jobs([job.job_id])).get(job.job_id)
        return None

    async def _is_for_us(self, job: ChainJob) -> bool:
        try:
            parse_parameters(job.param)
            return await self._storage.size_of(job.dataset) <= self._max_dataset_bytes
        except (JobError, StorageRejected):
            return False

    async def _finish(self, job: ChainJob) -> None:
        parameters = parse_parameters(job.param)
        directory = make_private_directory(self._work_dir / job.job_id)
        dataset = directory / "dataset.txt"
        await self._storage.download(job.job_id, job.dataset, dataset, max_bytes=self._max_dataset_bytes)
        result = await self._train(
            job.job_id, parameters.language.value, epochs_to_train(parameters), dataset, directory
        )
        name = await self._storage.upload(job.job_id, result)
        await self._send("submit", job.job_id, name)
        _logger.info("%s: submitted by the rival", short(job.job_id))

    async def _send(self, function: str, job_id: JobId, *arguments: object) -> None:
        call = self._account.chain.core(function, job_id_bytes(job_id), *arguments)
        await self._account.send(call, f"job {job_id}: {function}")
