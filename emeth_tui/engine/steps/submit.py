"""Delivery: upload the result, then tell the chain its name."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.errors import ChainUnreachable, Reverted
from emeth_tui.model import JobId, JobState
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.store.measurements import Quantity


async def upload(context: Context, job_id: JobId) -> None:
    """Upload a job's result; the job is SUBMITTING afterwards. A result that is gone is trained again."""
    path = context.disk.job_dir(job_id) / RESULT_NAME
    if not path.is_file():
        context.book.advance(job_id, JobState.PREPARING)
        return
    meter = context.forecasts.transfer(job_id, Quantity.UPLOAD)
    result_name = await context.storage.upload(job_id, path, on_progress=meter.progress)
    context.forecasts.transferred(job_id, path.stat().st_size)
    context.book.advance(job_id, JobState.SUBMITTING, result_name=result_name)
    size_bytes = path.stat().st_size
    context.events.publish(
        "uploaded", f"result uploaded, {size_bytes:,} bytes", job_id=job_id, size_bytes=size_bytes
    )


async def submit(context: Context, job_id: JobId) -> None:
    """Submit a job's result; the job is SUBMITTED afterwards, and only its result stays on disk.

    After a restart the chain and the journal are looked at first: what was sent is never sent anew.
    """
    job = context.book.get(job_id)
    await context.settle_sent(job)
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
            reserved_bytes=0,
        )
        context.disk.keep_only(job_id, [RESULT_NAME])
        context.events.publish("submitted", "submitted, waiting for the verifier", job_id=job_id)
    elif job_id in context.book:
        raise ChainUnreachable(f"job {job_id}: the chain does not show our submission yet")
