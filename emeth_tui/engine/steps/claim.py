"""The claim: stake the deposit on a prepared job."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import claim_refusal, settle_sent
from emeth_tui.engine.market.stake import stake_refusal
from emeth_tui.errors import ChainUnreachable, Reverted
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events import market as events
from emeth_tui.notices.events.job import EndSeen, OrphanHeld
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons.job import AnotherNodeFaster, ChainLacksClaim, ChainLacksJob, ClaimedBefore
from emeth_tui.notices.reasons.market import StatusOnChain
from emeth_tui.protocol.contracts import ChainJob, JobStatus


async def claim(context: Context, job_id: JobId) -> None:
    """Stake the deposit on a CLAIMING job: it becomes CLAIMED, or is given up.

    After a restart, and after a reorganisation, the chain and the journal are read first: nothing is sent
    twice. A job that is given up stays in the book until no claim signed for it can be mined any more.
    Raise ChainUnreachable while the chain does not show a mined claim.
    """
    job = context.book.get(job_id)
    if not claim_refusal(context, job):  # else what an earlier run signed is cancelled, and not waited for
        await settle_sent(context, job)
    record = (await context.chain.jobs([job_id])).get(job_id)
    if record is None or record.status is JobStatus.REQUESTED:
        if refusal := claim_refusal(context, job) or await stake_refusal(context, job):
            await _give_up(context, job, refusal)
            return
        if record is None:
            raise ChainUnreachable(ChainLacksJob())
        record = await _stake(context, job)
    elif context.transactions.has_signed_claim(job_id) and await _is_twins(context, record):
        _leave_to_twin(context, job, record)
        return
    if record is not None:
        _go_on_from(context, job, record)


async def _stake(context: Context, job: Job) -> ChainJob | None:
    """Send the claim, and return the job's record afterwards; None when the contract refused it."""
    _publish_claiming(context, job)
    # Should the store be lost, it shows that this claim was made here.
    context.disk.files.directory(job.job_id).mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        await context.transactions.process(job.job_id, job.deposit_wei)
    except Reverted as error:
        record = await context.chain_job(job)
        if record.status is JobStatus.REQUESTED:
            await _give_up(context, job, error.reason)
            return None
        if await _is_twins(context, record):
            _leave_to_twin(context, job, record)
            return None
        return record
    return await context.chain_job(job)


async def _is_twins(context: Context, record: ChainJob) -> bool:
    """Whether our account has a job by a claim that we did not make. Raise NetworkError."""
    if record.status is not JobStatus.PROCESSING or not context.is_ours(record):
        return False
    return not await context.transactions.has_claimed(record.job_id, record.started_at_unix_s)


def _go_on_from(context: Context, job: Job, record: ChainJob) -> None:
    if record.status is JobStatus.REQUESTED:
        raise ChainUnreachable(ChainLacksClaim())
    if record.status is JobStatus.CANCELED:
        _see_end(context, job, JobState.CANCELED, events.Canceled())
    elif not context.is_ours(record):
        _see_end(context, job, JobState.LOST, events.ClaimLost(AnotherNodeFaster()))
    elif record.status is JobStatus.PROCESSING:
        # After a reorganisation the result may be there already.
        state = JobState.SUBMITTING if job.result_name else JobState.CLAIMED
        error = job.error if job.is_set_aside else None
        context.book.advance(job.job_id, state, deposit_wei=record.deposit_wei, error=error)
        context.events.publish(events.Claimed(record.deposit_wei), job_id=job.job_id)
    else:
        # It has already ended; the watcher settles it and its cost.
        raise ChainUnreachable(StatusOnChain(record.status.name.lower()))


def _leave_to_twin(context: Context, job: Job, record: ChainJob) -> None:
    """Hold a job that another program with our account has just claimed."""
    context.book.advance(
        job.job_id, JobState.CLAIMED, deposit_wei=record.deposit_wei, paused=True, error=ClaimedBefore()
    )
    held = OrphanHeld(record.deposit_wei, *context.rates.giving_up_costs_wei(record.deposit_wei))
    context.events.publish(held, job_id=job.job_id)


async def _give_up(context: Context, job: Job, reason: Reason) -> None:
    await context.transactions.cancel_claim(job.job_id)
    _see_end(context, job, JobState.LOST, events.ClaimLost(reason))


def _see_end(context: Context, job: Job, end: JobState, body: EventBody) -> None:
    """End a job that no claim of ours has reached or can reach; leave any other to the watcher."""
    if job.job_id not in context.book or context.book.get(job.job_id).seen_end is end:
        return
    if context.store.movements.has_claim(job.job_id):  # a deposit is staked, whatever the record lacks now
        context.book.update(job.job_id, seen_end=end)
        body = EndSeen(end, context.network.confirmations)
    elif context.transactions.may_claim(job.job_id):
        context.book.update(job.job_id, seen_end=end)
    else:
        context.book.advance(job.job_id, end)
        context.disk.files.delete(job.job_id)
    context.events.publish(body, job_id=job.job_id)


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
