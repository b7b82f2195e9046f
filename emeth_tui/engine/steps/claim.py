"""Claiming: look at the job on the chain, keep room for it, write the intent down, stake the deposit."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import job_needs_bytes
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.market.rules import ClaimRules, judge_on_chain
from emeth_tui.errors import ChainUnreachable, JobError, Reverted, StorageRejected
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, LinkName
from emeth_tui.notices.events import market as events
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import AnotherNodeFaster, ChainLacksClaim
from emeth_tui.notices.reasons.market import DatasetUnavailable, ShortOfEmt, StatusOnChain, UnknownToChain
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.parameters import JobParameters, epochs_to_train, parse_parameters

MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a listed job is not claimed after all.

    `concerns_node` is true when it is about this node (no EMT, no disk): then no other job is tried either.
    """

    reason: Reason
    concerns_node: bool = False


async def prepare_claim(
    context: Context, job_id: JobId, rules: ClaimRules, *, by_hand: bool = False
) -> Job | Refusal:
    """Confirm a listed job on the chain and in storage and take it into the book as CLAIMING.

    Nothing is paid yet. `by_hand` is a job that the operator chose: its rules are those of that choice.
    Raises NetworkError when chain or storage do not answer.
    """
    record = (await context.chain.jobs([job_id])).get(job_id)
    if record is None:
        return Refusal(UnknownToChain())
    try:
        dataset_bytes = await context.storage.size_of(record.dataset)
        context.health.works(LinkName.STORAGE)
    except (JobError, StorageRejected) as error:
        return Refusal(DatasetUnavailable(error.reason))
    reason = judge_on_chain(
        record,
        dataset_bytes,
        rules,
        context.clock.now_unix_s(),
        lambda parameters: context.forecasts.plan(_task(context, parameters, dataset_bytes)).duration,
    )
    if reason:
        return Refusal(reason)
    parameters = parse_parameters(record.param)
    model = context.model_for(parameters.language)
    if reason := context.models.refusal(model):
        return Refusal(reason)
    needed_bytes = job_needs_bytes(dataset_bytes, model)
    deposit_wei = context.rates.deposit_wei(record.fee_wei)
    reason = context.disk.refusal(needed_bytes, context.book.open_jobs()) or await _short_of_emt(
        context, deposit_wei
    )
    if reason:
        return Refusal(reason, concerns_node=True)
    job = Job(
        job_id=record.job_id,
        state=JobState.CLAIMING,
        language=parameters.language,
        epochs=epochs_to_train(parameters),
        dataset=record.dataset,
        dataset_bytes=dataset_bytes,
        fee_wei=record.fee_wei,
        deposit_wei=deposit_wei,
        deadline_unix_s=record.deadline_unix_s,
        model=model,
        seed=random.randrange(MAX_SEED),  # noqa: S311 - shuffling, not a secret
        reserved_bytes=needed_bytes,
        created_at_unix_s=context.clock.now_unix_s(),
        by_hand=by_hand,
    )
    context.book.add(job)
    context.forecasts.keep_worker(job)
    return job


async def claim(context: Context, job_id: JobId) -> None:
    """Stake the deposit on a CLAIMING job: it becomes CLAIMED, or LOST when someone else was faster.

    After a restart the chain and the journal are looked at first: what was sent is never sent anew. Raises
    ChainUnreachable while the chain does not show a claim that went through.
    """
    job = context.book.get(job_id)
    await context.settle_sent(job)
    record = await context.chain_job(job)
    if record.status is JobStatus.REQUESTED:
        if refusal := context.claim_refusal(job):
            _lose(context, job, refusal)
            return
        _publish_claiming(context, job)
        try:
            await context.transactions.process(job_id, job.deposit_wei)
        except Reverted as error:
            record = await context.chain_job(job)
            if record.status is JobStatus.REQUESTED:
                _lose(context, job, error.reason)
                return
        else:
            record = await context.chain_job(job)
    if record.status is JobStatus.REQUESTED:
        raise ChainUnreachable(ChainLacksClaim())
    if record.status is JobStatus.CANCELED:
        context.book.advance(job_id, JobState.CANCELED)
        context.events.publish(events.Canceled(), job_id=job_id)
    elif not context.is_ours(record):
        _lose(context, job, AnotherNodeFaster())
    elif record.status is JobStatus.PROCESSING:
        context.book.advance(job_id, JobState.CLAIMED, deposit_wei=record.deposit_wei)
        context.events.publish(events.Claimed(record.deposit_wei), job_id=job_id)
    else:
        # It has ended already; the watch settles that, with what it cost.
        raise ChainUnreachable(StatusOnChain(record.status.name.lower()))


def _task(context: Context, parameters: JobParameters, dataset_bytes: int) -> Task:
    model = context.model_for(parameters.language)
    return Task(dataset_bytes, epochs_to_train(parameters), parameters.language, model)


def _publish_claiming(context: Context, job: Job) -> None:
    needed = context.forecasts.left(job)
    claiming = events.Claiming(
        language=job.language,
        dataset_bytes=job.dataset_bytes,
        fee_wei=job.fee_wei,
        deposit_wei=job.deposit_wei,
        low_s=round(needed.low_s),
        high_s=round(needed.high_s),
    )
    context.events.publish(claiming, job_id=job.job_id)


def _lose(context: Context, job: Job, reason: Reason) -> None:
    context.book.advance(job.job_id, JobState.LOST)
    context.events.publish(events.ClaimLost(reason), job_id=job.job_id)


async def _short_of_emt(context: Context, deposit_wei: int) -> ShortOfEmt | None:
    balances = await context.chain.balances(context.address)
    promised_wei = sum(job.deposit_wei for job in context.book.open_jobs() if job.state is JobState.CLAIMING)
    free_wei = balances.emt_wei - promised_wei
    if free_wei >= deposit_wei:
        return None
    return ShortOfEmt(deposit_wei, max(0, free_wei))
