"""The claim: stake the deposit on a prepared job."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import claim_refusal, settle_sent
from emeth_tui.errors import ChainUnreachable, Reverted
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events import market as events
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import AnotherNodeFaster, ChainLacksClaim
from emeth_tui.notices.reasons.market import StatusOnChain
from emeth_tui.protocol.contracts import JobStatus


async def claim(context: Context, job_id: JobId) -> None:
    """Stake the deposit on a CLAIMING job: it becomes CLAIMED, or LOST when another node was faster.

    After a restart the chain and the journal are read first: nothing is sent twice. Raise
    ChainUnreachable while the chain does not show a mined claim.
    """
    job = context.book.get(job_id)
    await settle_sent(context, job)
    record = await context.chain_job(job)
    if record.status is JobStatus.REQUESTED:
        if refusal := claim_refusal(context, job):
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
        # It has already ended; the watcher settles it and its cost.
        raise ChainUnreachable(StatusOnChain(record.status.name.lower()))


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
