"""A job of ours: what it asks for, what we stake on it, where it stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from emeth_tui.model import Averaging, JobId, JobState, Language
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import ClaimedBefore, DatasetUnusable

MAX_PARTS = 16


@dataclass(frozen=True, slots=True)
class Job:
    """A job of ours, as the store keeps it. Changes make a new one (see engine.steps.job_book).

    `reserved_bytes` is what the job may still fill of the cache; `error` is why it has stopped, None while it
    continues; `earned_wei` and `lost_wei` are settled amounts, 0 until the job has ended. `by_hand` marks
    a job that the operator chose, whatever the rules on fee and size say. `batch_size` is in blocks, and
    holds from the claim to the end, because estimates rest on it. `valid_loss` is that of the last epoch and
    then that of the result; `start_loss` is a pretrained model's before its training, and `best_loss` the
    least so far. `seen_end` is how it ended by what the chain shows, while a reorganisation may still take
    that back. `paused_until_unix_s` is when a pause ends by itself, None where it does not. `energy_mj` is
    what devices took for it so far, in thousandths of a joule, None where nothing measures that; it is added
    up by device and day (store/measurements.py), and not stored with the job. `parts` is over how many
    workers its training is shared out, each with files of its own; `averaging` is what they hand over.
    """

    job_id: JobId
    state: JobState
    language: Language
    epochs: int
    dataset: str
    dataset_bytes: int
    fee_wei: int
    deposit_wei: int
    deadline_unix_s: int
    model: str
    seed: int
    reserved_bytes: int
    created_at_unix_s: float
    batch_size: int
    paused: bool = False
    error: Reason | None = None
    dataset_digest: str = ""
    epochs_done: int = 0
    valid_loss: float | None = None
    start_loss: float | None = None
    best_loss: float | None = None
    result_name: str = ""
    submitted_at_unix_s: float | None = None
    ended_at_unix_s: float | None = None
    gas: int = 0
    earned_wei: int = 0
    lost_wei: int = 0
    by_hand: bool = False
    seen_end: JobState | None = None
    paused_until_unix_s: float | None = None
    energy_mj: int | None = None
    parts: int = 1
    averaging: Averaging = "fp32"

    @property
    def part_ids(self) -> tuple[JobId, ...]:
        """The names of its parts' files; the first part has those of the job."""
        return tuple(part_id(self.job_id, part) for part in range(1, self.parts + 1))

    @property
    def is_set_aside(self) -> bool:
        """Whether it cannot be done: it needs no worker, and nothing but its deposit is left to care for."""
        return isinstance(self.error, DatasetUnusable)

    @property
    def is_left_alone(self) -> bool:
        """Whether it is held as what may be another node's: it needs no worker until the operator decides."""
        return self.paused and isinstance(self.error, ClaimedBefore)


def part_id(job_id: JobId, part: int) -> JobId:
    """Name the files of a job's part, counted from 1: the first one's are the job's own."""
    if part == 1:
        return job_id
    return JobId("0x" + hashlib.sha256(f"{job_id} part {part}".encode()).hexdigest()[:32])


def other_part_ids(job_id: JobId) -> list[JobId]:
    """Name the files of all parts but the first that a job can have."""
    return [part_id(job_id, part) for part in range(2, MAX_PARTS + 1)]
