"""Appeals: a rejection that is held, and a second verifier's opinion of the result (protocol.md §9c)."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field

from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.protocol.info_api import JOBS_PATH, read_rejection

APPEAL_PATH = JOBS_PATH + "/{job_id}/appeal"
OPEN_APPEALS_PATH = "/api/v1/verifier/appeals"
OPINION_PATH = "/api/v1/verifier/opinion"
_LATEST_UNIX_S = 253_402_300_799  # of the year 9999, which dates end with
MOST_OPEN = 100  # open appeals that a second verifier is given at once: ours


@dataclass(frozen=True, slots=True)
class HeldRejection:
    """Why a result is to be rejected. `is_open` is whether its node may appeal still."""

    reason: Reason
    until_unix_s: int
    is_appealed: bool
    is_open: bool


class _Held(BaseModel):
    until_unix_s: int = Field(alias="until", ge=0, le=_LATEST_UNIX_S)
    is_appealed: bool = Field(alias="appealed")
    is_open: bool = Field(alias="open")


def read_held(body: bytes) -> HeldRejection:
    """Read what the services say of a held rejection. Raise ValueError for anything else."""
    held, reason = _Held.model_validate_json(body), read_rejection(body)
    if reason is None:
        raise ValueError("no reason")
    return HeldRejection(reason, held.until_unix_s, held.is_appealed, held.is_open)


def appeal_path(job_id: JobId) -> str:
    """Return where a job's held rejection is read, and appealed against."""
    return APPEAL_PATH.format(job_id=job_id)


def appeal_text(job_id: str, core_address: str) -> str:
    """Return what an appeal signs in place of a job's id: good for no other call, and no other network."""
    return f"appeal {job_id} {core_address.lower()}"


def opinion_text(job_id: str, core_address: str, result: str, *, is_accepted: bool) -> str:
    """Return what a second verifier's opinion of a result signs in place of a job's id."""
    return f"{'accept' if is_accepted else 'reject'} {job_id} {core_address.lower()} {result}"
