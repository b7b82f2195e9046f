"""What declining a job costs, by the contract's own rates. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emeth_tui.tui.frame import Frame, Outlook, outlook

if TYPE_CHECKING:
    from emeth_tui.job import Job


@dataclass(frozen=True, slots=True)
class DeclineCost:
    """What declining a job means against the alternatives, in wei and seconds."""

    job: Job
    penalty_wei: int
    back_wei: int
    timeout_wei: int
    earning_wei: int  # if it is finished and verified
    fraction: float  # of its training that would be thrown away
    forecast: Outlook | None


def decline_cost(frame: Frame, job: Job) -> DeclineCost:
    """Return what declining a job costs now."""
    rates = frame.snapshot.rates
    row = frame.row_of(job)
    penalty_wei = rates.decline_penalty_wei(job.deposit_wei)
    return DeclineCost(
        job=job,
        penalty_wei=penalty_wei,
        back_wei=job.deposit_wei - penalty_wei,
        timeout_wei=rates.timeout_penalty_wei(job.deposit_wei),
        earning_wei=rates.earned_wei(job.fee_wei),
        fraction=row.fraction if row else (job.epochs_done / job.epochs if job.epochs else 0.0),
        forecast=outlook(row, frame.now) if row else None,
    )
