"""Having drawn epochs of a submitted job trained again, from the states that its node delivers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.drawing import drawing_block, hash_bytes
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import JobError, NetworkError, StorageRejected
from emeth_tui.model import Head, JobId, Language
from emeth_tui.network.verification.downloads import fetch, signed_call
from emeth_tui.network.verification.examiner import Submission, sketching
from emeth_tui.network.verification.judging import Examination, check_own_work, check_replay
from emeth_tui.network.verification.originals import Originals
from emeth_tui.network.verification.torch_process import TorchProcess
from emeth_tui.notices.reasons.local.bots import StateOfJob
from emeth_tui.notices.reasons.network.verification import CommitmentMissing, StatesNotDelivered
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.job_ids import short
from emeth_tui.protocol.replay import (
    Commitment,
    delivered_epochs,
    drawn_segments,
    kind_from_data,
    read_commitment,
)
from emeth_tui.protocol.storage_api import VERIFIER_GET_URL_PATH
from emeth_tui.training.verification.measures import Replayed

ANSWERED_S = 3_600.0  # that the storage answered, before what it lacks is the node's fault
LOOK_COUNTS_S = 600.0  # at most: between two looks it may have been unavailable
REPLAY_LIMIT_S = 8 * 3_600.0  # a draw takes a tenth of the job's training, or two

_logger = logging.getLogger(__name__)


class StatesDue(Exception):
    """A job's verdict waits for the block that draws, or for its node."""


@dataclass(frozen=True, slots=True)
class _Asked:
    block: Head
    segments: list[tuple[int, int]]
    epochs: list[int]


@dataclass(slots=True)
class _Answered:
    """For how long the storage has answered, without a failure that was seen, that states are missing."""

    last_s: float
    total_s: float = 0.0


class Replayer:
    """Trains drawn epochs again. What it knows of a job is forgotten with the process, and found again."""

    def __init__(
        self,
        chain: ChainClient,
        storage: httpx.AsyncClient,
        wallet: Wallet,
        process: TorchProcess,
        originals: Originals,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chain = chain
        self._storage = storage
        self._wallet = wallet
        self._process = process
        self._originals = originals
        self._monotonic_s = monotonic_s
        self._commitments: dict[JobId, tuple[str, Commitment]] = {}  # with the name of the result
        self._blocks: dict[JobId, Head] = {}
        self._answered: dict[JobId, _Answered] = {}

    async def wait(self, job: ChainJob) -> None:
        """Raise StatesDue where it is known that a job has to wait still; JobError where it has too long."""
        result, commitment = self._commitments.get(job.job_id, ("", None))
        if commitment is not None and result == job.result:
            await self._due(job, commitment)

    async def check(self, job: ChainJob, submission: Submission, seen: Examination) -> None:
        """Train what is drawn of an examined result again. Raise JobError for what was not trained.

        Raise StatesDue, too, TorchProcessDied, StorageError and NetworkError.
        """
        if not seen.states:
            raise JobError(CommitmentMissing())
        commitment = read_commitment(seen.states, seen.epochs)
        self._commitments[job.job_id] = job.result, commitment
        asked, urls = await self._due(job, commitment)
        paths = {}
        for epoch, url in urls.items():
            path = submission.result.with_name(f"state-{epoch}")
            what = StateOfJob(job.job_id, epoch)
            await fetch(self._storage, url, path, max_bytes=seen.state_bytes, what=what)
            paths[epoch] = path
        try:
            await self._replay(submission, seen, commitment, asked, paths)
        finally:
            self.forget(job.job_id)

    async def _replay(
        self,
        submission: Submission,
        seen: Examination,
        commitment: Commitment,
        asked: _Asked,
        paths: dict[int, Path],
    ) -> None:
        arguments = {
            "model": self._chain.network.models[Language(submission.language)],
            "language": submission.language,
            "dataset": str(submission.dataset),
            "result": str(submission.result),
            "job_id": submission.job_id,
            "segments": asked.segments,
            "states": {str(epoch): str(path) for epoch, path in paths.items()},
            **sketching(self._originals, submission),
        }
        answer = await self._process.call("replay", arguments, timeout_s=REPLAY_LIMIT_S)
        outcomes = [Replayed(**outcome) for outcome in answer["outcomes"]]
        for outcome in outcomes:
            _logger.info("%s: trained again: %s", short(submission.job_id), outcome)
        check_replay(outcomes, commitment, kind_from_data(answer["kind"]))
        check_own_work(answer["own_share"], pretrained=answer["pretrained"])

    async def _ask(self, job: ChainJob, commitment: Commitment) -> _Asked:
        block = self._blocks.get(job.job_id)
        if block is None or (await self._chain.head(block.number)).hash != block.hash:
            block = await drawing_block(self._chain, job.submitted_at_unix_s)
        if block is None:
            raise StatesDue
        self._blocks[job.job_id] = block
        segments = drawn_segments(hash_bytes(block), commitment.root, commitment.epochs)
        return _Asked(block, segments, delivered_epochs(segments, commitment))

    async def _due(self, job: ChainJob, commitment: Commitment) -> tuple[_Asked, dict[int, str]]:
        """Return what is drawn, and where each state lies. Raise StatesDue, or JobError when time is up."""
        try:
            asked = await self._ask(job, commitment)
            urls, missing = await self._look(job, asked)
        except NetworkError:
            self._answered.pop(job.job_id, None)
            raise
        if missing:
            self.forget(job.job_id)
            limit_s = self._chain.network.delivery_s
            raise JobError(StatesNotDelivered(", ".join(map(str, missing)), limit_s))
        return asked, urls

    async def _look(self, job: ChainJob, asked: _Asked) -> tuple[dict[int, str], list[int]]:
        """Return where states lie, and which are missing when the time is up. Raise StatesDue."""
        limit_s = self._chain.network.delivery_s
        head = await self._chain.head()
        is_late = head.timestamp_unix_s > asked.block.timestamp_unix_s + limit_s
        urls, missing = {}, []
        for epoch in asked.epochs:
            try:
                answer = await signed_call(
                    self._storage, VERIFIER_GET_URL_PATH, self._wallet, job.job_id, state=epoch
                )
                urls[epoch] = str(answer["url"])
            except StorageRejected:
                if self._answered_s(job.job_id) < min(limit_s, ANSWERED_S) or not is_late:
                    raise StatesDue from None
                missing.append(epoch)
        return urls, missing

    def _answered_s(self, job_id: JobId) -> float:
        """Return for how long the storage has answered; it did just now.

        It may have been unavailable, and the chain too, for all of the time that the node had.
        """
        now_s = self._monotonic_s()
        answered = self._answered.setdefault(job_id, _Answered(now_s))
        answered.total_s += min(now_s - answered.last_s, LOOK_COUNTS_S)
        answered.last_s = now_s
        return answered.total_s

    def forget(self, job_id: JobId) -> None:
        """Forget what is known of a job that is settled, or begins anew."""
        self._answered.pop(job_id, None)
        self._commitments.pop(job_id, None)
        self._blocks.pop(job_id, None)


def replayer_for(
    process: TorchProcess,
    chain: ChainClient,
    wallet: Wallet,
    storage: httpx.AsyncClient,
    originals: Originals | None,
) -> Replayer | None:
    """Return what the network's verification needs, None where it asks for no epochs to be trained again."""
    if chain.network.verification != "replay" or originals is None:
        return None
    return Replayer(chain, storage, wallet, process, originals)
