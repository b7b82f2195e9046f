"""Who gets which worker: the one that was kept, else one of the free, else the next that is let go."""

from __future__ import annotations

import asyncio
from typing import Any

from emeth_tui.engine.desk import WorkerDesk
from emeth_tui.model import JobId
from tests.engine.quick_worker import QuickWorker, Script

FIRST, SECOND, THIRD, FOURTH = (JobId(f"0x{number:032x}") for number in range(4))


def new_desk(*devices: str) -> WorkerDesk:
    workers: Any = [QuickWorker(index, device, Script()) for index, device in enumerate(devices)]
    return WorkerDesk(workers)


async def test_a_kept_worker_is_there_when_its_job_comes_for_it() -> None:
    desk = new_desk("slow", "fast")
    fast = desk.workers[1]
    desk.keep(FIRST, fast)

    async with desk.lend(SECOND, lambda free: free[-1]) as other, desk.lend(FIRST) as ours:
        assert (ours, other) == (fast, desk.workers[0])
        assert desk.of_job(FIRST) is fast
        assert desk.free == []
    assert desk.of_job(FIRST) is None
    assert desk.free == list(desk.workers)


async def test_a_worker_that_is_not_free_cannot_be_kept() -> None:
    desk = new_desk("one")
    async with desk.lend(FIRST):
        desk.keep(SECOND, desk.workers[0])

    assert desk.place_of(SECOND) is None
    assert desk.free == list(desk.workers)


async def test_a_worker_kept_for_nothing_goes_to_who_waits() -> None:
    desk = new_desk("one")
    desk.keep(FIRST, desk.workers[0])
    came = asyncio.Event()

    async def work() -> None:
        async with desk.lend(SECOND):
            came.set()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert not came.is_set()
    desk.release(FIRST)
    await asyncio.wait_for(task, 5)

    assert came.is_set()


async def test_a_job_keeps_the_worker_that_it_works_with() -> None:
    desk = new_desk("one")
    async with desk.lend(FIRST) as worker:
        desk.release(FIRST)
        assert desk.place_of(FIRST) is worker


async def test_who_waits_is_served_in_order_and_who_gives_up_is_passed_over() -> None:
    desk = new_desk("one")
    served: list[JobId] = []

    async def work(job_id: JobId) -> None:
        async with desk.lend(job_id):
            served.append(job_id)

    async with desk.lend(FIRST):
        tasks = [asyncio.create_task(work(job_id)) for job_id in (SECOND, THIRD)]
        gone = asyncio.create_task(work(FOURTH))
        await asyncio.sleep(0)
        gone.cancel()
        tasks[0].cancel()
        await asyncio.gather(gone, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    assert served == [THIRD]
    assert desk.free == list(desk.workers)


async def test_a_turn_that_nobody_takes_goes_on_to_the_next() -> None:
    desk = new_desk("one")
    served: list[JobId] = []

    async def work(job_id: JobId) -> None:
        async with desk.lend(job_id):
            served.append(job_id)

    async with desk.lend(FIRST):
        second, third = (asyncio.create_task(work(job_id)) for job_id in (SECOND, THIRD))
        await asyncio.sleep(0)
    second.cancel()  # its turn has come, and it has not run since
    await asyncio.wait_for(asyncio.gather(second, third, return_exceptions=True), 5)

    assert served == [THIRD]
