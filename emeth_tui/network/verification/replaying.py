"""Having drawn epochs of a submitted job trained again, from the states that its node delivers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import httpx

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.drawing import drawing_block, hash_bytes
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import JobError, StorageRejected
from emeth_tui.model import Head, JobId, Language
from emeth_tui.network.account import Account
from emeth_tui.network.verification.downloads import fetch, signed_url
from emeth_tui.network.verification.examiner import Submission
from emeth_tui.network.verification.judging import Examination, check_replay
from emeth_tui.network.verification.torch_process import TorchProcess
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
from emeth_tui.settings import Network
from emeth_tui.training.verification.measures import Replayed

REPLAY_LIMIT_S = 4 * 3_600.0  # a draw takes a tenth of the job's training

_logger = logging.getLogger(__name__)


class StatesDue(Exception):
    """A job's verdict waits for the block that draws, or for its node."""


@dataclass(frozen=True, slots=True)
class _Asked:
    block: Head
    segments: list[tuple[int, int]]
    epochs: list[int]


class Replayer:
    """Trains drawn epochs again. What it knows of a job is forgotten with the process, and found again."""

    def __init__(
        self,
        chain: ChainClient,
        storage: httpx.AsyncClient,
        wallet: Wallet,
        process: TorchProcess,
    ) -> None:
        self._chain = chain
        self._storage = storage
        self._wallet = wallet
        self._process = process
        self._commitments: dict[JobId, Commitment] = {}
        self._blocks: dict[JobId, Head] = {}

    async def wait(self, job: ChainJob) -> None:
        """Raise StatesDue where it is known that a job has to wait still; JobError where it has too long."""
        if (commitment := self._commitments.get(job.job_id)) is not None:
            await self._urls(job, await self._ask(job, commitment))

    async def check(self, job: ChainJob, submission: Submission, seen: Examination) -> None:
        """Train what is drawn of an examined result again. Raise JobError for what was not trained.

        Raise StatesDue, too, TorchProcessDied, StorageError and NetworkError.
        """
        if not seen.states:
            raise JobError(CommitmentMissing())
        commitment = read_commitment(seen.states, seen.epochs)
        self._commitments[job.job_id] = commitment
        asked = await self._ask(job, commitment)
        urls = await self._urls(job, asked)
        paths = {}
        for epoch, url in urls.items():
            path = submission.result.with_name(f"state-{epoch}")
            what = f"job {job.job_id}: its state after epoch {epoch}"
            await fetch(self._storage, url, path, max_bytes=seen.state_bytes, what=what)
            paths[epoch] = path
        try:
            await self._replay(submission, seen, commitment, asked, paths)
        finally:
            self._forget(job.job_id)

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
        }
        answer = await self._process.call("replay", arguments, timeout_s=REPLAY_LIMIT_S)
        outcomes = [Replayed(**outcome) for outcome in answer["outcomes"]]
        for outcome in outcomes:
            _logger.info("%s: trained again: %s", short(submission.job_id), outcome)
        check_replay(outcomes, commitment, kind_from_data(answer["kind"]))

    async def _ask(self, job: ChainJob, commitment: Commitment) -> _Asked:
        block = self._blocks.get(job.job_id)
        if block is None or (await self._chain.head(block.number)).hash != block.hash:
            block = await drawing_block(self._chain, job.submitted_at_unix_s)
        if block is None:
            raise StatesDue
        self._blocks[job.job_id] = block
        segments = drawn_segments(hash_bytes(block), commitment.root, commitment.epochs)
        return _Asked(block, segments, delivered_epochs(segments, commitment))

    async def _urls(self, job: ChainJob, asked: _Asked) -> dict[int, str]:
        """Return where each state lies. Raise StatesDue, or JobError when the time is up."""
        limit_s = self._chain.network.delivery_s
        is_late = (await self._chain.head()).timestamp_unix_s > asked.block.timestamp_unix_s + limit_s
        urls, missing = {}, []
        for epoch in asked.epochs:
            try:
                answer = await signed_url(
                    self._storage, VERIFIER_GET_URL_PATH, self._wallet, job.job_id, state=epoch
                )
                urls[epoch] = str(answer["url"])
            except StorageRejected:
                if not is_late:
                    raise StatesDue from None
                missing.append(epoch)
        if missing:
            self._forget(job.job_id)
            raise JobError(StatesNotDelivered(", ".join(map(str, missing)), limit_s))
        return urls

    def _forget(self, job_id: JobId) -> None:
        self._commitments.pop(job_id, None)
        self._blocks.pop(job_id, None)


def replayer_for(
    process: TorchProcess, network: Network, account: Account, storage: httpx.AsyncClient
) -> Replayer | None:
    """Return what the network's verification needs, None where it asks for no epochs to be trained again."""
    if network.verification != "replay":
        return None
    return Replayer(account.chain, storage, account.wallet, process)
