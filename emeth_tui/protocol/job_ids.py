"""Job ids: bytes16 as `0x` and 32 hex digits (protocol.md §3, §4)."""

from __future__ import annotations

import re

from emeth_tui.errors import JobError
from emeth_tui.model import JobId

_PATTERN = re.compile(r"0x[0-9a-f]{32}")


def parse_job_id(text: str) -> JobId:
    """Return a job id in lower case. An id that passes is safe as a file name.

    Raise JobError when it is not `0x` and 32 hex digits.
    """
    lowered = text.strip().lower()
    if not _PATTERN.fullmatch(lowered):
        from emeth_tui.notices.reasons.market import InvalidJobId  # late: the first paint needs no reasons

        raise JobError(InvalidJobId(text[:80]))
    return JobId(lowered)


def job_id_from_bytes(raw: bytes) -> JobId:
    """Return the job id for the contract's bytes16."""
    return parse_job_id("0x" + bytes(raw).hex())


def job_id_bytes(job_id: JobId) -> bytes:
    """Return the contract's bytes16 for a job id."""
    return bytes.fromhex(job_id[2:])


def training_seed(job_id: JobId) -> int:
    """Return the seed of a job's training: it follows from the id, so a node that lost its state has it."""
    return int(job_id, 16) % 2**31


def short(job_id: str) -> str:
    """Shorten a job id for a log line: `6f2a…c1`."""
    digits = job_id.removeprefix("0x")
    return f"{digits[:4]}…{digits[-2:]}"
