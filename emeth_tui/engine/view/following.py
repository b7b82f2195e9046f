"""What became of the jobs that an account requested: the record here and the chain's beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.store.requests import StoredRequest

if TYPE_CHECKING:
    from emeth_tui.clients.chain.client import ChainClient  # web3 behind it takes a second to load

UNFINISHED, UNSEEN = "unfinished", "unseen"
_GOES_ON = frozenset({JobStatus.REQUESTED, JobStatus.ASSIGNED, JobStatus.PROCESSING, JobStatus.SUBMITTED})


@dataclass(frozen=True, slots=True)
class FollowedJob:
    """A requested job; `on_chain` is None while the chain does not show it as this account's."""

    request: StoredRequest
    on_chain: ChainJob | None

    @property
    def state(self) -> str:
        """The chain's status in small letters, or why there is none."""
        if self.on_chain is not None:
            return self.on_chain.status.name.lower()
        return UNFINISHED if self.request.requested_at_unix_s is None else UNSEEN

    @property
    def has_ended(self) -> bool:
        return self.on_chain is not None and self.on_chain.status not in _GOES_ON

    @property
    def is_verified(self) -> bool:
        return self.on_chain is not None and self.on_chain.status is JobStatus.VERIFIED

    @property
    def counts(self) -> bool:
        """Whether its fee is spent, or may be yet: also while the chain does not show it."""
        return not self.has_ended or self.is_verified

    @property
    def deadline_unix_s(self) -> int:
        return self.request.deadline_unix_s if self.on_chain is None else self.on_chain.deadline_unix_s


async def follow(chain: ChainClient, requests: Sequence[StoredRequest]) -> list[FollowedJob]:
    """Read from the chain what became of requests, in their order. Raise NetworkError."""
    found = await chain.jobs([request.job_id for request in requests])
    return [FollowedJob(request, _own(request, found.get(request.job_id))) for request in requests]


def is_of(request: StoredRequest, job: ChainJob) -> bool:
    """Whether a job is the one that was requested; ids can be read in the pool and used by anybody."""
    return request.account.lower().startswith(f"{job.owner.lower()} ")


def _own(request: StoredRequest, job: ChainJob | None) -> ChainJob | None:
    return job if job is not None and is_of(request, job) else None
