"""Checking one submitted result: dataset and result downloaded afresh, examined, judged by the rules."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.network.files import make_private_directory
from emeth_tui.network.services.storing import MAX_DATASET_BYTES
from emeth_tui.network.verification.downloads import fetch, signed_call
from emeth_tui.network.verification.examiner import Examiner, Submission
from emeth_tui.network.verification.judging import check_examination
from emeth_tui.network.verification.originals import Originals
from emeth_tui.network.verification.replaying import Replayer
from emeth_tui.network.verification.torch_process import TorchProcessDied, TorchProcessSlow
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.local.bots import DatasetOfJob, ResultOfJob
from emeth_tui.notices.reasons.network.verification import ResultEndsProcess
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.parameters import parse_parameters
from emeth_tui.protocol.storage_api import SIGNED_GET_URL_PATH, VERIFIER_GET_URL_PATH
from emeth_tui.training.data.text_file import dataset_digest

MAX_RESULT_BYTES = 64_000_000  # ours: devnet-small's results have 2.5 MB
MAX_DEATHS = 2  # of the process that examines a result, before the result is blamed


class ResultCheck:
    """Checks results, each by calls that the wallet's account signs. Nothing of them stays on the disk."""

    def __init__(
        self,
        wallet: Wallet,
        storage: httpx.AsyncClient,
        examine: Examiner,
        originals: Originals | None = None,
        replayer: Replayer | None = None,
        *,
        verification_key: str,
        work_dir: Path,
        max_result_bytes: int = MAX_RESULT_BYTES,
    ) -> None:
        self._wallet = wallet
        self._storage = storage
        self._examine = examine
        self._originals = originals
        self._replayer = replayer
        self._verification_key = verification_key
        shutil.rmtree(work_dir, ignore_errors=True)  # what a killed process had downloaded
        self._work_dir = make_private_directory(work_dir)
        self._max_result_bytes = max_result_bytes
        self._deaths: dict[JobId, int] = {}

    async def check(self, job: ChainJob) -> int:
        """Check a result and return the dataset's size. Raise JobError or StorageRejected for a bad one.

        Raise StatesDue where the verdict has to wait, and TorchProcessDied, StorageError and NetworkError for
        what says nothing about the result.
        """
        if self._replayer is not None:
            await self._replayer.wait(job)
        with self._directory(job.job_id) as directory:
            return await self._check(job, directory)

    async def accept(self, job: ChainJob) -> int:
        """Return the dataset's size of a result that counts as good after all. Raise StorageError."""
        with self._directory(job.job_id) as directory:
            dataset = await self._dataset(job, directory)
            if self._originals is not None:
                digest = await asyncio.to_thread(dataset_digest, dataset)
                self._originals.keep_held(digest, job.job_id)
            return dataset.stat().st_size

    def forget(self, job_id: JobId) -> None:
        """Forget what is known of a job that is settled, or begins anew."""
        self._deaths.pop(job_id, None)
        if self._replayer is not None:
            self._replayer.forget(job_id)

    @contextmanager
    def _directory(self, job_id: JobId) -> Iterator[Path]:
        directory = make_private_directory(self._work_dir / job_id)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    async def _check(self, job: ChainJob, directory: Path) -> int:
        language = parse_parameters(job.param).language.value
        dataset, result = await self._dataset(job, directory), directory / "result.pt"
        await self._fetch(job.job_id, VERIFIER_GET_URL_PATH, result, self._max_result_bytes, ResultOfJob)
        digest = await asyncio.to_thread(dataset_digest, dataset)
        submission = Submission(job.job_id, language, dataset, result, digest)
        try:
            await self._judge(job, submission)
        except JobError:
            if self._originals is not None:
                self._originals.hold(job.job_id, submission.sketch)
            raise
        if self._originals is not None:
            self._originals.keep(digest, job.job_id, submission.sketch)
        return dataset.stat().st_size

    async def _judge(self, job: ChainJob, submission: Submission) -> None:
        try:
            seen = await self._examine(submission)
            check_examination(seen, submission.digest, self._verification_key)
            if self._replayer is not None:
                await self._replayer.check(job, submission, seen)
        except TorchProcessSlow:
            raise  # which says nothing about the result
        except TorchProcessDied as error:
            deaths = self._deaths[job.job_id] = self._deaths.get(job.job_id, 0) + 1
            if deaths < MAX_DEATHS:
                raise
            raise JobError(ResultEndsProcess()) from error

    async def _dataset(self, job: ChainJob, directory: Path) -> Path:
        path = directory / "dataset.txt"
        await self._fetch(job.job_id, SIGNED_GET_URL_PATH, path, MAX_DATASET_BYTES, DatasetOfJob)
        return path

    async def _fetch(
        self, job_id: JobId, url_path: str, path: Path, max_bytes: int, what: Callable[[str], Reason]
    ) -> None:
        answer = await signed_call(self._storage, url_path, self._wallet, job_id)
        await fetch(self._storage, answer["url"], path, max_bytes=max_bytes, what=what(job_id))
