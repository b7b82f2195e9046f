"""Who gets which worker: the one that was kept, else one of the free, else the next that is let go."""

from __future__ import annotations

import asyncio
from typing import Any

from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.model import JobId
from tests.engine.quick_worker import QuickWorker, Script

FIRST, SECOND, THIRD, FOURTH = (JobId(f"0x{number:032x}") for number in range(4))


def new_desk(*devices: str) -> WorkerLeases:
    workers: Any = [QuickWorker(index, device, Script()) for index, device in enumerate(devices)]
    return WorkerLeases(workers)


async def test_a_kept_worker_is_there_when_its_job_comes_for_it() -> None:
    leases = new_desk("slow", "fast")
    fast = leases.workers[1]
    leases.keep(FIRST, fast)

    async with leases.lend(SECOND, lambda free: free[-1]) as other, leases.lend(FIRST) as ours:
        assert (ours, other) == (fast, leases.workers[0])
        assert leases.of_job(FIRST) is fast
        assert leases.free == []
    assert leases.of_job(FIRST) is None
    assert leases.free == list(leases.workers)


async def test_a_worker_that_is_not_free_cannot_be_kept() -> None:
    leases = new_desk("one")
    async with leases.lend(FIRST):
        leases.keep(SECOND, leases.workers[0])

    assert leases.place_of(SECOND) is None
    assert leases.free == list(leases.workers)


async def test_a_worker_kept_for_nothing_goes_to_who_waits() -> None:
    leases = new_desk("one")
    leases.keep(FIRST, leases.workers[0])
    came = asyncio.Event()

    async def work() -> None:
        async with leases.lend(SECOND):
            came.set()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert not came.is_set()
    leases.release(FIRST)
    await asyncio.wait_for(task, 5)

    assert came.is_set()


async def test_a_job_keeps_the_worker_that_it_works_with() -> None:
    leases = new_desk("one")
    async with leases.lend(FIRST) as worker:
        leases.release(FIRST)
        assert leases.place_of(FIRST) is worker


async def test_who_waits_is_served_in_order_and_who_gives_up_is_passed_over() -> None:
    leases = new_desk("one")
    served: list[JobId] = []

    async def work(job_id: JobId) -> None:
        async with leases.lend(job_id):
            served.append(job_id)

    async with leases.lend(FIRST):
        tasks = [asyncio.create_task(work(job_id)) for job_id in (SECOND, THIRD)]
        gone = asyncio.create_task(work(FOURTH))
        await asyncio.sleep(0)
        gone.cancel()
        tasks[0].cancel()
        await asyncio.gather(gone, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    assert served == [THIRD]
    assert leases.free == list(leases.workers)


async def test_a_turn_that_nobody_takes_goes_on_to_the_next() -> None:
    leases = new_desk("one")
    served: list[JobId] = []

    async def work(job_id: JobId) -> None:
        async with leases.lend(job_id):
            served.append(job_id)

    async with leases.lend(FIRST):
        second, third = (asyncio.create_task(work(job_id)) for job_id in (SECOND, THIRD))
        await asyncio.sleep(0)
    second.cancel()  # its turn has come, and it has not run since
    await asyncio.wait_for(asyncio.gather(second, third, return_exceptions=True), 5)

    assert served == [THIRD]
