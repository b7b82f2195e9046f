"""The submission: the uploaded result's name, written to the chain."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import settle_sent
from emeth_tui.errors import ChainUnreachable, Reverted
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import Submitted
from emeth_tui.notices.reasons.job import ChainLacksSubmission
from emeth_tui.protocol.contracts import JobStatus


async def submit(context: Context, job_id: JobId) -> None:
    """Submit a job's result and advance the job to SUBMITTED. Its files stay until that is final.

    After a restart the chain and the journal are read first: nothing is sent twice. A job without a result
    goes back to its upload: it was taken for submitted because an endpoint said so.
    """
    job = context.book.get(job_id)
    if not job.result_name:
        context.book.advance(job_id, JobState.UPLOADING)
        return
    await settle_sent(context, job)
    record = await context.chain_job(job)
    if record.status is JobStatus.PROCESSING and context.is_ours(record):
        try:
            await context.transactions.submit(job_id, job.result_name)
        except Reverted:
            record = await context.chain_job(job)
            if record.status is JobStatus.PROCESSING:
                raise
        else:
            record = await context.chain_job(job)
    if record.submitted_at_unix_s and job_id in context.book:
        context.book.advance(
            job_id,
            JobState.SUBMITTED,
            submitted_at_unix_s=float(record.submitted_at_unix_s),
        )
        context.events.publish(Submitted(), job_id=job_id)
    elif job_id in context.book:
        raise ChainUnreachable(ChainLacksSubmission())
