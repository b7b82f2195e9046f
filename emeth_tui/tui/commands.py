"""What can be done now and, where something cannot, why not. Pure: the application asks, the footer shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emeth_tui.engine.market.rules import Offer
from emeth_tui.engine.money.profit import Expectation, expect
from emeth_tui.model import Job, JobState, format_token
from emeth_tui.tui.frame import Frame, Outlook, outlook
from emeth_tui.words.translation import _


def view_refusal(frame: Frame) -> str:
    """Say why no command at all can be given, or "" when they can."""
    if frame.viewed_pid is None:
        return ""
    return _("read-only view: the node runs as process {pid}").format(pid=frame.viewed_pid)


def pause_refusal(frame: Frame, job: Job | None) -> str:
    if refusal := view_refusal(frame):
        return refusal
    if job is None:
        return _("no job is chosen")
    if job.state.is_final:
        return _("this job has ended")
    if job.state is JobState.SUBMITTED:
        return _("this job is submitted: there is nothing left to pause")
    return _stopping(frame)


def claims_refusal(frame: Frame) -> str:
    if refusal := view_refusal(frame):
        return refusal
    if frame.snapshot.stopping == "draining":
        return _("the node is draining and takes no new jobs")
    return _stopping(frame)


def finish_refusal(frame: Frame) -> str:
    return claims_refusal(frame) or (_("claiming is paused already") if frame.snapshot.claims_paused else "")


def decline_refusal(frame: Frame, job: Job | None) -> str:
    if refusal := view_refusal(frame):
        return refusal
    if job is None:
        return _("no job is chosen")
    if job.state.is_final:
        return _("this job has ended")
    if job.state is JobState.CLAIMING:
        return _("this job is not claimed yet: there is nothing to decline")
    if job.state is JobState.SUBMITTED:
        return _("this job is submitted: it can no longer be declined")
    return _stopping(frame) or _chain(frame)


def claim_refusal(frame: Frame, offer: Offer | None) -> str:
    """Say why an offer cannot be claimed by hand; the node looks again, and more closely."""
    if refusal := view_refusal(frame):
        return refusal
    if offer is None:
        return _("no job is chosen")
    if frame.snapshot.stopping == "draining":
        return _("the node is draining and takes no new jobs")
    at_work = [job for job in frame.snapshot.jobs if job.state is not JobState.SUBMITTED]
    if len(at_work) >= len(frame.snapshot.workers):
        return _("every worker has a job")
    if offer.job.deadline_unix_s - frame.now <= offer.needed.high_s:
        return _("it would not be done before its deadline")
    deposits = frame.snapshot.deposits
    deposit_wei = frame.snapshot.rates.deposit_wei(offer.job.fee_wei)
    if deposits is not None and deposits.free_wei < deposit_wei:
        return _("its deposit is {deposit} EMT and {free} are free").format(
            deposit=format_token(deposit_wei), free=format_token(deposits.free_wei)
        )
    return _stopping(frame) or _chain(frame)


def expectation(frame: Frame, offer: Offer) -> Expectation:
    """Estimate what an offer should bring."""
    deposits = frame.snapshot.deposits
    return expect(
        fee_wei=offer.job.fee_wei,
        dataset_bytes=offer.job.dataset_bytes,
        rates=frame.snapshot.rates,
        today=frame.snapshot.today,
        transaction_cost_wei=deposits.native_per_transaction_wei if deposits else 0,
    )


def export_refusal(rows: Sequence[object]) -> str:
    return "" if rows else _("there is nothing to write")


def withdraw_refusal(frame: Frame) -> str:
    if refusal := view_refusal(frame):
        return refusal
    today = frame.snapshot.today
    if today is None:
        return _("the chain has not been read yet")
    if not today.waiting:
        return _("no closed day holds a reward of ours")
    return _stopping(frame) or _chain(frame)


def _stopping(frame: Frame) -> str:
    return _("the node is stopping") if frame.snapshot.stopping == "stopping" else ""


def _chain(frame: Frame) -> str:
    lost = any(link.name == "chain" and link.broken_since_unix_s is not None for link in frame.snapshot.links)
    return _("the chain does not answer") if lost else ""


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
    """Calculate it by the contract's own rates."""
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


def declinable(frame: Frame) -> list[Job]:
    """List the jobs that can be declined now."""
    return [job for job in frame.snapshot.jobs if not decline_refusal(frame, job)]
