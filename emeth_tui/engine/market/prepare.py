"""Preparing a claim: confirm a job on the chain and in storage, keep room for it, write the intent down."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import job_needs_bytes
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.market.rules import ClaimRules, judge_on_chain
from emeth_tui.errors import JobError, StorageRejected
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, ServiceName
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import DatasetUnavailable, ShortOfEmt, UnknownToChain
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
    Raise NetworkError when chain or storage do not answer.
    """
    record = (await context.chain.jobs([job_id])).get(job_id)
    if record is None:
        return Refusal(UnknownToChain())
    try:
        dataset_bytes = await context.storage.size_of(record.dataset)
        context.health.works(ServiceName.STORAGE)
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


def _task(context: Context, parameters: JobParameters, dataset_bytes: int) -> Task:
    model = context.model_for(parameters.language)
    return Task(dataset_bytes, epochs_to_train(parameters), parameters.language, model)


async def _short_of_emt(context: Context, deposit_wei: int) -> ShortOfEmt | None:
    balances = await context.chain.balances(context.address)
    promised_wei = sum(job.deposit_wei for job in context.book.open_jobs() if job.state is JobState.CLAIMING)
    free_wei = balances.emt_wei - promised_wei
    if free_wei >= deposit_wei:
        return None
    return ShortOfEmt(deposit_wei, max(0, free_wei))
