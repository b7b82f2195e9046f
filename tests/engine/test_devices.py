"""Devices that are added, removed or fail while the node runs: its jobs continue on those that work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.engine.devices import DeviceReports
from emeth_tui.errors import DeviceFailed, WorkerError
from emeth_tui.notices.events import node
from emeth_tui.notices.events.market import Idle
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.market import NoWorkerAnswers
from emeth_tui.notices.reasons.worker import DeviceDoesNotStart, ProcessLeft
from emeth_tui.words.sentences import english
from emeth_tui.workers.supervisor import DeviceDown, DeviceStarted
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import QuickWorker, Script


def pool_of(node: RunningNode) -> Any:
    return node.node._pool


@pytest.mark.slow
async def test_a_job_whose_device_fails_goes_on_with_another(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(devices=2, script=Script(failing_devices={0})) as node:
        trouble = await node.event("job_trouble", job_id)
        await node.event("submitted", job_id)

        assert "it fell off the bus" in english(trouble.body.reason)
        assert node.script.trained_on == [1]


@pytest.mark.slow
async def test_a_job_waits_for_a_device_that_works_again(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(script=Script(failing_devices={0})) as node:
        await node.event("job_trouble", job_id)
        node.script.failing_devices.clear()
        pool_of(node).device_started(pool_of(node).workers[0])

        await node.event("submitted", job_id)


@pytest.mark.slow
async def test_without_a_device_what_is_trained_is_submitted(network: Harness) -> None:
    """A machine that comes back without its driver must not cost the deposit of a job that needs none."""
    job_id = await network.post()
    async with network.node(script=Script(hold_before_epoch=2)) as node:
        await node.event("training", job_id)
        await node.node.change_setting("limits.max_gas_price_gwei", "0")
        node.script.go_on.set()
        await node.event("submission_held", job_id)
        await node.stop()

    async with network.node(script=Script(no_device=True), limits__max_gas_price_gwei=100) as node:
        found = await node.events(("submitted", job_id), ("idle", None))
        assert Idle(NoWorkerAnswers()) in [event.body for event in found]
        await network.verify(job_id)
        await node.event("verified", job_id)
        await node.stop()

    with pytest.raises(DeviceFailed):
        await network.node(script=Script(no_device=True)).__aenter__()


@pytest.mark.slow
async def test_a_device_added_takes_a_job_of_its_own(network: Harness) -> None:
    first, second = await network.post(fee_emt=25), await network.post(fee_emt=15)
    async with network.node(script=Script(hold_before_epoch=1)) as node:
        await node.event("training", first)

        node.node.add_device("cpu")

        await node.event("training", second)
        assert [view.index for view in node.node.snapshot().workers] == [0, 1]
        node.script.go_on.set()
        await node.event("submitted", second)


@pytest.mark.slow
async def test_a_job_moves_when_its_device_is_removed(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(devices=2, script=Script(hold_before_epoch=3)) as node:
        while (await node.event("epoch_done", job_id)).body.epoch != 2:
            pass
        (at_work,) = node.script.trained_on

        await node.node.remove_device(at_work)

        assert node.script.stopped_at == [2], "with its checkpoint"
        node.script.go_on.set()
        await node.event("submitted", job_id)
        assert node.script.trained_on == [at_work, 1 - at_work]
        assert [view.index for view in node.node.snapshot().workers] == [1 - at_work]
        with pytest.raises(WorkerError, match="cannot be removed"):
            await node.node.remove_device(1 - at_work)
        with pytest.raises(WorkerError, match="cannot be removed"):
            await node.node.remove_device(at_work)


def test_a_device_that_fails_again_and_again_is_one_event() -> None:
    published: list[EventBody] = []
    looked: list[int] = []
    worker: Any = QuickWorker(0, "cuda:0", Script())
    events: Any = SimpleNamespace(publish=published.append)
    leases: Any = SimpleNamespace(look_again=lambda: looked.append(1))
    reports = DeviceReports(events, leases)
    causes = [ProcessLeft(pid, 1) for pid in (77, 78)]
    downs = [
        DeviceDown(worker, DeviceFailed(DeviceDoesNotStart(0, "cuda:0", cause, Path("log"))), 5.0)
        for cause in causes
    ]

    for event in (DeviceStarted(worker), *downs, DeviceStarted(worker), DeviceStarted(worker), downs[0]):
        reports.take(event)

    first = node.DeviceDown(DeviceDoesNotStart(0, "cuda:0", causes[0], Path("log")), 5.0)
    assert published == [first, node.DeviceWorks(0, "cuda:0"), first]
    assert len(looked) == 6, "who waits for it may go elsewhere"
