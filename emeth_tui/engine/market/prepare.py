"""Preparing a claim: confirm a job on the chain and in storage, reserve room for it, record the intent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import job_needs_bytes, shared_job_needs_bytes
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.market.rules import LATEST_UNIX_S, ClaimRules, judge_on_chain
from emeth_tui.engine.market.stake import stake_refusal
from emeth_tui.errors import JobError, StorageRejected
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, ServiceName
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import DatasetUnavailable, UnknownToChain
from emeth_tui.notices.reasons.network.host import HostLacks
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.job_ids import training_seed
from emeth_tui.protocol.parameters import JobParameters, epochs_to_train, parse_parameters
from emeth_tui.protocol.replay import kept_epochs


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a listed job is not claimed after all.

    `concerns_node` is true when the node itself is short of EMT or disk space: no other job is tried then.
    """

    reason: Reason
    concerns_node: bool = False


async def prepare_claim(
    context: Context,
    job_id: JobId,
    rules: ClaimRules,
    why_not: Callable[[], Reason | None],
    *,
    by_hand: bool = False,
) -> Job | Refusal:
    """Confirm a listed job on the chain and in storage, and add it to the book as CLAIMING.

    Nothing is paid yet. `why_not` says whether the node takes no job any more by then: the operator may have
    paused it meanwhile. `by_hand` marks a job that the operator chose; `rules` are then those of that choice.
    Raise NetworkError when the chain or the storage does not answer.
    """
    record = (await context.chain.jobs([job_id])).get(job_id)
    if record is None:
        return Refusal(UnknownToChain())
    try:
        dataset_bytes = await context.storage.size_of(record.dataset)
        context.health.works(ServiceName.STORAGE)
    except (JobError, StorageRejected) as error:
        return Refusal(DatasetUnavailable(error.reason))
    if refusal := unsuitable(context, record, dataset_bytes, rules):
        return refusal
    job = new_job(context, record, dataset_bytes, by_hand=by_hand)
    if refusal := await _no_room(context, job):
        return refusal
    if reason := why_not():
        return Refusal(reason, concerns_node=True)
    context.book.add(job)
    context.forecasts.keep_worker(job)
    return job


def unsuitable(context: Context, record: ChainJob, dataset_bytes: int, rules: ClaimRules) -> Refusal | None:
    """Return why the rules or the model's state rule a job out, None when they do not."""
    reason = judge_on_chain(
        record,
        dataset_bytes,
        rules,
        context.clock.now_unix_s(),
        lambda parameters: context.forecasts.plan(_task(context, parameters, dataset_bytes)).duration,
    )
    if reason is None:
        language = parse_parameters(record.param).language
        reason = context.models.refusal(context.model_for(language))
    return Refusal(reason) if reason else None


def new_job(context: Context, record: ChainJob, dataset_bytes: int, *, by_hand: bool = False) -> Job:
    """Make our record of a job from the chain's, before its claim. Raise JobError for bad parameters."""
    parameters = parse_parameters(record.param)
    model = context.model_for(parameters.language)
    epochs = epochs_to_train(parameters)
    return Job(
        job_id=record.job_id,
        state=JobState.CLAIMING,
        language=parameters.language,
        epochs=epochs,
        dataset=record.dataset,
        dataset_bytes=dataset_bytes,
        fee_wei=record.fee_wei,
        deposit_wei=context.rates.deposit_wei(record.fee_wei),
        deadline_unix_s=min(record.deadline_unix_s, LATEST_UNIX_S),  # an orphan's may be any uint256
        model=model,
        seed=training_seed(record.job_id),
        reserved_bytes=job_needs_bytes(dataset_bytes, model, states=states_kept(context, epochs)),
        created_at_unix_s=context.clock.now_unix_s(),
        batch_size=context.batch_size_for(model, dataset_bytes),
        by_hand=by_hand,
    )


async def _no_room(context: Context, job: Job) -> Refusal | None:
    """Return why there is no room for a job or no stake on it now, None when both are possible."""
    reason = context.disk.refusal(job.reserved_bytes, context.book.open_jobs())
    reason = reason or await stake_refusal(context, job)
    # What a host lacks for this job, it may have for the next.
    return Refusal(reason, concerns_node=not isinstance(reason, HostLacks)) if reason else None


def bytes_to_reserve(context: Context, job: Job) -> int:
    """Return the most disk space that a job of ours may use when it is begun again."""
    if job.parts > 1:
        return shared_job_needs_bytes(job.dataset_bytes, job.model, job.parts, job.averaging)
    return job_needs_bytes(job.dataset_bytes, job.model, states=states_kept(context, job.epochs))


def states_kept(context: Context, epochs: int) -> int:
    """Return how many states of a training of so many epochs the network's verification may ask for."""
    if context.network.verification != "replay":
        return 0
    return len(kept_epochs(epochs))


def _task(context: Context, parameters: JobParameters, dataset_bytes: int) -> Task:
    model = context.model_for(parameters.language)
    batch_size = context.batch_size_for(model, dataset_bytes)
    return Task(dataset_bytes, epochs_to_train(parameters), parameters.language, model, batch_size)
