"""The upload: a trained job's result file, into the network's storage."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.steps.download import longest_transfer_s
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import Uploaded
from emeth_tui.store.measurements import Quantity
from emeth_tui.workers.job_files import JobFileMissing


async def upload(context: Context, job_id: JobId) -> None:
    """Upload a job's result and advance the job to SUBMITTING. Train again when the result file is gone."""
    try:
        path = await context.disk.files.bring_result(job_id)
    except JobFileMissing:
        context.book.advance(job_id, JobState.PREPARING)
        return
    meter = context.forecasts.transfer(job_id, Quantity.UPLOAD, fresh=False)  # parts may have arrived before
    longest_s = longest_transfer_s(context, context.book.get(job_id))
    result_name = await context.storage.upload(job_id, path, longest_s=longest_s, on_progress=meter.progress)
    size_bytes = path.stat().st_size
    context.forecasts.transferred(job_id, size_bytes)
    context.book.advance(job_id, JobState.SUBMITTING, result_name=result_name)
    context.events.publish(Uploaded(size_bytes), job_id=job_id)
