"""Jobs that wait for a worker: set aside once none can make their deadline, and not before."""

from __future__ import annotations

import pytest

from emeth_tui.model import JobId, JobState, WorkerPhase
from emeth_tui.notices.events.job import Declined, GivingBack, SetAside
from emeth_tui.notices.reasons.job import DatasetUnusable, NoWorkerInTime
from emeth_tui.protocol.contracts import JobStatus
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import Script
from tests.engine.steps.test_set_aside import PENALTY_WEI, TIMEOUT_WEI

pytestmark = pytest.mark.slow


async def lose_worker(node: RunningNode, job_id: JobId) -> None:
    """Have a job's worker fail for good, and the job wait for another, as it does when a host is lost."""
    (worker,) = node.node._leases.members_of(job_id)
    worker.usable = False  # type: ignore[misc]
    assert await node.node._tasks.cancel(job_id)
    node.node._tasks.start(job_id)


async def looks(node: RunningNode, count: int) -> None:
    """Wait until the node has looked at its jobs so often."""
    for _look in range(count):
        await node.node._watch()


async def test_a_job_without_a_worker_waits_until_none_can_make_its_deadline(network: Harness) -> None:
    async with network.node(script=Script(hold_before_epoch=3)) as node:
        job_id = await network.post()
        await node.event("epoch_done", job_id)
        await lose_worker(node, job_id)
        await looks(node, 3)
        assert not node.node._context.book.get(job_id).is_set_aside
        await network.pass_time(7_300)
        aside = await node.event("set_aside", job_id)
        job = node.node._context.book.get(job_id)
        await node.stop()

    assert aside.body == SetAside(NoWorkerInTime(), PENALTY_WEI, TIMEOUT_WEI)
    assert (job.state, job.error) == (JobState.TRAINING, DatasetUnusable(NoWorkerInTime()))
    assert (await network.job(job_id)).status is JobStatus.PROCESSING


async def test_it_is_declined_where_the_owner_says_so_and_stops_no_claiming(network: Harness) -> None:
    script = Script(hold_before_epoch=3)
    async with network.node(script=script, devices=2, claims__unusable_dataset="decline") as node:
        late = [await network.post(fee_emt=fee_emt) for fee_emt in (20, 19)]
        await node.events(*(("epoch_done", job_id) for job_id in late))
        for job_id in late:
            await lose_worker(node, job_id)
        await network.pass_time(7_300)
        assert {(await node.event("declined")).job_id for _job in late} == set(late)
        summary = await node.stop()
        bodies = [event.body for event in node.seen if event.job_id == late[0]]
        assert not any(event.kind == "claims_paused" for event in node.seen)

    assert GivingBack(NoWorkerInTime(), PENALTY_WEI, TIMEOUT_WEI) in bodies
    assert Declined(PENALTY_WEI) in bodies
    assert summary.adds_up


async def test_a_late_job_that_is_trained_goes_on(network: Harness) -> None:
    script = Script(hold_before_epoch=3)
    async with network.node(script=script) as node:
        job_id = await network.post()
        await node.event("epoch_done", job_id)
        await network.pass_time(7_300)
        await looks(node, 3)
        (worker,) = node.node._leases.members_of(job_id)
        assert worker.view.phase is not WorkerPhase.AWAY
        script.go_on.set()
        await node.event("submitted", job_id)
