"""The network's other endpoints: asked before anything is done on the word of one, and whether it lags."""

from __future__ import annotations

import logging
import math
from enum import Enum

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.errors import NetworkError
from emeth_tui.model import Head, JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.chain import EndpointBehind, EndpointsDisagree
from emeth_tui.protocol.contracts import ChainJob

COMPARE_EVERY_S = 60.0  # a head from each other endpoint
LAG_BLOCKS = 5  # behind another endpoint, more than blocks on their way take
DISAGREEMENTS = 2  # in a row; two endpoints may be on two sides of a reorganisation for a moment

logger = logging.getLogger(__name__)


class Word(Enum):
    """What a second endpoint says."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    SILENT = "silent"  # there is none, or it has not come as far


class Witnesses:
    """Compares the endpoint in use with the others. `disagreement` is set while they contradict it."""

    def __init__(self, chain: ChainClient) -> None:
        self._chain = chain
        self._disagreements: dict[JobId, int] = {}
        self._compared_s = -math.inf  # monotonic
        self.disagreement: Reason | None = None

    async def second_word(self, job_id: JobId, seen: ChainJob | None, head: Head) -> Word:
        """Ask another endpoint that has come as far for a job's record; one that is ahead knows better."""
        for witness in self._chain.others():
            try:
                if (await witness.head()).number < head.number:
                    continue
                other = (await witness.jobs([job_id])).get(job_id)
            except NetworkError as error:
                logger.info("no second word on job %s: %s", job_id, error)
                continue
            return self._compare(job_id, seen, other, witness.rpc.where)
        return Word.SILENT

    def is_due(self, now_s: float) -> bool:
        """Return whether the endpoint in use should be compared again, by the monotonic clock."""
        return now_s - self._compared_s >= COMPARE_EVERY_S

    async def leave_one_that_lags(self, head: Head, now_s: float) -> Head:
        """Change to an endpoint that is blocks ahead; return the head of the one in use afterwards."""
        self._compared_s = now_s
        for witness in self._chain.others():
            try:
                other = await witness.head()
            except NetworkError:
                continue
            if other.number - head.number > LAG_BLOCKS:
                behind = EndpointBehind(self._chain.rpc.where, other.number - head.number)
                self._chain.rpc.prefer(witness.rpc.where, behind)
                return other
        return head

    def _compare(self, job_id: JobId, seen: ChainJob | None, other: ChainJob | None, where: str) -> Word:
        if status_of(seen) == status_of(other):
            self.forget(job_id)
            return Word.AGREES
        self._disagreements[job_id] = self._disagreements.get(job_id, 0) + 1
        if self._disagreements[job_id] >= DISAGREEMENTS:
            self.disagreement = EndpointsDisagree(
                job_id, self._chain.rpc.where, _name(seen), where, _name(other)
            )
        return Word.DISAGREES

    def forget(self, job_id: JobId) -> None:
        """Forget what endpoints said of a job: they agree, or it no longer matters."""
        self._disagreements.pop(job_id, None)
        if not self._disagreements:
            self.disagreement = None


def status_of(record: ChainJob | None) -> tuple[str, str] | None:
    """Return what two records of a job must agree in."""
    return None if record is None else (record.status.name, record.node.lower())


def _name(record: ChainJob | None) -> str:
    return "unknown" if record is None else record.status.name.lower()
