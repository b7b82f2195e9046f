"""What a node does when its endpoint tells an end of a job that there was none: it finishes the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from emeth_tui.model import JobId
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script

CONFIRMATIONS = 4


@pytest.mark.parametrize("told", [JobStatus.VERIFIED, JobStatus.FAILED, JobStatus.TIMEOUT])
async def test_a_job_whose_end_was_a_lie_is_finished(network: Harness, told: JobStatus) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        chain, lying = node.node._context.chain, True
        honest = chain.jobs

        async def jobs(ids: Sequence[JobId], *block: int) -> dict[JobId, ChainJob]:
            records = await honest(ids, *block)
            if block or not lying:
                return records
            return {one: replace(record, status=told) for one, record in records.items()}

        chain.jobs = jobs  # type: ignore[method-assign, assignment]
        node.node._watcher._settler._asks_again = True  # the next look is now, and not in a minute
        await node.event("end_seen", job_id)
        lying = False
        await node.event("end_undone", job_id)
        assert node.node._watcher._settler.waits or told is JobStatus.TIMEOUT
        script.go_on.set()
        await node.event("submitted", job_id)

    assert (await network.job(job_id)).status is JobStatus.SUBMITTED
