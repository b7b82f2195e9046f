"""Claiming: look at the job on the chain, keep room for it, write the intent down, stake the deposit."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import job_needs_bytes
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.market.rules import ClaimRules, judge_on_chain
from emeth_tui.errors import ChainUnreachable, JobError, Reverted, StorageRejected
from emeth_tui.model import Job, JobId, JobState, format_token
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import short
from emeth_tui.protocol.parameters import JobParameters, epochs_to_train, parse_parameters

MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a listed job is not claimed after all.

    `concerns_node` is true when it is about this node (no EMT, no disk): then no other job is tried either.
    """

    reason: str
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
        return Refusal("the chain does not know it")
    try:
        dataset_bytes = await context.storage.size_of(record.dataset)
        context.health.works("storage")
    except (JobError, StorageRejected) as error:
        return Refusal(f"its dataset cannot be had: {error}")
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
        if refusal := context.too_late(job):
            _lose(context, job, f"not claimed after all: {refusal}; it cost nothing", reason=refusal)
            return
        _tell_claiming(context, job)
        try:
            await context.transactions.process(job_id, job.deposit_wei)
        except Reverted as error:
            record = await context.chain_job(job)
            if record.status is JobStatus.REQUESTED:
                _lose(
                    context,
                    job,
                    f"the contract refused our claim: {error}; nothing was staked",
                    reason=str(error),
                )
                return
        else:
            record = await context.chain_job(job)
    if record.status is JobStatus.REQUESTED:
        raise ChainUnreachable(f"job {job_id}: the chain does not show our claim yet")
    if record.status is JobStatus.CANCELED:
        context.book.advance(job_id, JobState.CANCELED)
        context.events.publish("canceled", "the requester canceled it before our claim", job_id=job_id)
    elif not context.is_ours(record):
        _lose(context, job, "another node was faster; it cost nothing")
    elif record.status is JobStatus.PROCESSING:
        context.book.advance(job_id, JobState.CLAIMED, deposit_wei=record.deposit_wei)
        context.events.publish(
            "claimed", f"claimed: {short(job_id)} is ours", job_id=job_id, deposit_wei=record.deposit_wei
        )
    else:
        # It has ended already; the watch settles that, with what it cost.
        raise ChainUnreachable(f"job {job_id}: it is {record.status.name.lower()} on the chain")


def _task(context: Context, parameters: JobParameters, dataset_bytes: int) -> Task:
    model = context.model_for(parameters.language)
    return Task(dataset_bytes, epochs_to_train(parameters), parameters.language, model)


def _tell_claiming(context: Context, job: Job) -> None:
    needed = context.forecasts.left(job)
    context.events.publish(
        "claiming",
        f"claiming: {job.language.value}, {job.dataset_bytes:,} bytes, "
        f"fee {format_token(job.fee_wei)} EMT, deposit {format_token(job.deposit_wei)} EMT, "
        f"needs {needed.low_s:,.0f} to {needed.high_s:,.0f} s",
        job_id=job.job_id,
        fee_wei=job.fee_wei,
        deposit_wei=job.deposit_wei,
        dataset_bytes=job.dataset_bytes,
        language=job.language.value,
        low_s=round(needed.low_s),
        high_s=round(needed.high_s),
    )


def _lose(context: Context, job: Job, text: str, *, reason: str = "") -> None:
    context.book.advance(job.job_id, JobState.LOST)
    context.events.publish("claim_lost", text, job_id=job.job_id, reason=reason)


async def _short_of_emt(context: Context, deposit_wei: int) -> str:
    balances = await context.chain.balances(context.address)
    promised_wei = sum(job.deposit_wei for job in context.book.open_jobs() if job.state is JobState.CLAIMING)
    free_wei = balances.emt_wei - promised_wei
    if free_wei >= deposit_wei:
        return ""
    return f"its deposit is {format_token(deposit_wei)} EMT and {format_token(max(0, free_wei))} are free"
