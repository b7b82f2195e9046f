"""An account's jobs, made of the chain's records and of what its logs hold; and what happened, as events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from emeth_tui.engine.money.settle import ENDS, MAX_GAS
from emeth_tui.engine.money.terms import cost_by_rules_wei
from emeth_tui.errors import JobError
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, Language
from emeth_tui.notices.event import Event
from emeth_tui.notices.events import job as events
from emeth_tui.notices.events.market import Claimed
from emeth_tui.notices.notice import EventBody
from emeth_tui.protocol.contracts import ChainJob, JobStatus, Rates
from emeth_tui.protocol.parameters import JobParameters, parse_parameters
from emeth_tui.settings import Network
from emeth_tui.store.movements import Movement, MovementKind
from emeth_tui.watching.history import Change

NOTHING_KNOWN = JobParameters(Language.EN, 0)  # of a job whose parameters nobody can read
_AFTER_SUBMISSION = frozenset({JobState.VERIFIED, JobState.FAILED})


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an account besides its jobs' records."""

    rates: Rates
    network: Network
    final_block: int
    changes: Sequence[Change]
    movements: Mapping[JobId, Sequence[Movement]]


def jobs_of(records: Iterable[ChainJob], past: Past) -> list[Job]:
    """Return the account's jobs, the newest claim first."""
    changes: dict[JobId, list[Change]] = {}
    for change in past.changes:
        changes.setdefault(change.event.job_id, []).append(change)
    jobs = [_job(record, changes.get(record.job_id, []), past) for record in records]
    return sorted(jobs, key=lambda job: (job.created_at_unix_s, job.job_id), reverse=True)


def events_of(jobs: Iterable[Job], past: Past) -> list[Event]:
    """Return what happened to the account's jobs, oldest first."""
    known = {job.job_id: job for job in jobs}
    happened = []
    for change in past.changes:
        job = known.get(change.event.job_id)
        body = None if job is None else _body(job, change, past)
        if body is not None:
            happened.append(Event(change.at_unix_s, body.severity, body, change.event.job_id))
    return happened


def _job(record: ChainJob, changes: Sequence[Change], past: Past) -> Job:
    try:
        parameters, error = parse_parameters(record.param), None
    except JobError as unreadable:
        parameters, error = NOTHING_KNOWN, unreadable.reason
    job = Job(
        job_id=record.job_id,
        state=JobState.SUBMITTED if record.submitted_at_unix_s else JobState.CLAIMED,
        language=parameters.language,
        epochs=parameters.epochs,
        dataset=record.dataset,
        dataset_bytes=0,  # the chain does not say
        fee_wei=record.fee_wei,
        deposit_wei=record.deposit_wei,
        deadline_unix_s=record.deadline_unix_s,
        model=past.network.models.get(parameters.language, ""),
        seed=0,
        reserved_bytes=0,
        created_at_unix_s=float(record.started_at_unix_s),
        batch_size=0,
        error=error,
        result_name=record.result,
        submitted_at_unix_s=float(record.submitted_at_unix_s) if record.submitted_at_unix_s else None,
        gas=min(record.gas, MAX_GAS),
    )
    end = ENDS.get(record.status)
    return job if end is None else _ended(job, end, record, changes, past)


def _ended(job: Job, end: JobState, record: ChainJob, changes: Sequence[Change], past: Past) -> Job:
    """Return a job that has ended: for good where the block that shows it is final, else as it is seen."""
    change = next((one for one in reversed(changes) if one.event.status is record.status), None)
    if change is None or change.event.block_number > past.final_block:
        waited = JobState.SUBMITTED if end in _AFTER_SUBMISSION else job.state
        return replace(job, state=waited, seen_end=end)
    net_wei = _net_wei(end, record, past)
    return replace(
        job,
        state=end,
        ended_at_unix_s=change.at_unix_s,
        earned_wei=max(0, net_wei),
        lost_wei=max(0, -net_wei),
    )


def _net_wei(end: JobState, record: ChainJob, past: Past) -> int:
    """Return what a job came to: what moved, where claim and end are both read; else by the rules."""
    movements = past.movements.get(record.job_id, ())
    kinds = {movement.kind for movement in movements}
    if MovementKind.CLAIM in kinds and any(kind.ends_job for kind in kinds):
        return sum(movement.amount_wei for movement in movements)
    if end is JobState.VERIFIED:
        return past.rates.earned_wei(record.fee_wei)
    return -cost_by_rules_wei(past.rates, record.deposit_wei, end)


def _body(job: Job, change: Change, past: Past) -> EventBody | None:
    status = change.event.status
    if status is JobStatus.PROCESSING:
        return Claimed(job.deposit_wei)
    if status is JobStatus.SUBMITTED:
        return events.Submitted()
    end = ENDS.get(status)
    if end is None:
        return None
    if change.event.block_number > past.final_block:
        return events.EndSeen(end, past.network.confirmations)
    if job.state is not end:  # its record does not say the same
        return None
    return _end(job, end)


def _end(job: Job, end: JobState) -> EventBody:
    if end is JobState.VERIFIED:
        if job.lost_wei:
            return events.VerifiedAtLoss(job.lost_wei, job.gas)
        return events.Verified(job.earned_wei, job.gas, job.epochs)
    if end is JobState.FAILED:
        return events.Failed(job.lost_wei)
    return events.Timeout(job.lost_wei) if end is JobState.TIMEOUT else events.Declined(job.lost_wei)
