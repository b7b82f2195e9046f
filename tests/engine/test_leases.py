"""Who gets which worker: the one that was kept, else one of the free, else the next that is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.model import JobId
from emeth_tui.workers.supervisor import Worker
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


# -- held devices


class Comer:
    """A job that comes for a worker, and has it until it may go."""

    def __init__(self, leases: WorkerLeases, job_id: JobId) -> None:
        self.worker: Worker | None = None
        self.may_go = asyncio.Event()
        self.task = asyncio.create_task(self._work(leases, job_id))

    async def _work(self, leases: WorkerLeases, job_id: JobId) -> None:
        async with leases.lend(job_id) as self.worker:
            await self.may_go.wait()
        self.worker = None

    async def leave(self) -> None:
        self.may_go.set()
        await self.task


@asynccontextmanager
async def comers(leases: WorkerLeases, *job_ids: JobId) -> AsyncIterator[list[Comer]]:
    come = [Comer(leases, job_id) for job_id in job_ids]
    await settled()
    yield come
    for comer in come:
        comer.task.cancel()
    await asyncio.gather(*(comer.task for comer in come), return_exceptions=True)


async def settled() -> None:
    """Let every task run until it waits."""
    for _turn in range(10):
        await asyncio.sleep(0)


async def test_a_job_that_is_finished_first_has_its_held_device_again_when_that_works() -> None:
    leases = new_desk("one")
    (one,) = leases.workers
    leases.hold(one)
    leases.exempt(FIRST)
    working: Any = one
    working.usable = False
    async with comers(leases, FIRST) as (comer,):
        assert comer.worker is None
        working.usable = True
        leases.look_again()
        await settled()
        assert comer.worker is one


async def test_a_job_that_is_finished_first_is_woken_behind_one_that_is_not() -> None:
    leases = new_desk("one")
    (one,) = leases.workers
    async with comers(leases, FIRST, SECOND, THIRD) as (first, second, third):
        leases.hold(one)
        leases.exempt(THIRD)
        await first.leave()
        await settled()
        assert (second.worker, third.worker) == (None, one)

        leases.let_go(one)
        await third.leave()
        await settled()
        assert second.worker is one


async def test_a_held_worker_can_be_kept_and_its_job_waits_for_it() -> None:
    leases = new_desk("tonight", "monday")
    tonight, monday = leases.workers
    leases.hold(tonight)
    leases.hold(monday)
    leases.keep(FIRST, tonight)
    leases.keep(SECOND, tonight)

    assert (leases.place_of(FIRST), leases.place_of(SECOND)) == (tonight, None)
    async with comers(leases, SECOND, FIRST) as (second, first):
        assert leases.place_of(SECOND) is monday, "who waits for hours has its device reserved"
        leases.let_go(tonight)
        await settled()
        assert (first.worker, second.worker) == (tonight, None)

        await first.leave()
        await settled()
        assert second.worker is tonight, "it is free before the one that was reserved"
        assert leases.resting == [monday]


async def test_a_job_whose_held_device_fails_goes_to_another() -> None:
    leases = new_desk("one", "other")
    one, other = leases.workers
    leases.hold(one)
    leases.hold(other)
    leases.keep(FIRST, one)
    async with comers(leases, FIRST):
        failing: Any = one
        failing.usable = False
        leases.look_again()
        await settled()
        assert leases.place_of(FIRST) is other


async def test_a_job_that_is_finished_first_need_not_wait_for_one_that_waits_for_hours() -> None:
    leases = new_desk("one")
    (one,) = leases.workers
    leases.hold(one)
    async with comers(leases, FIRST, SECOND) as (first, second):
        assert leases.place_of(FIRST) is one
        leases.exempt(SECOND)
        await settled()
        assert (first.worker, second.worker) == (None, one)

        await second.leave()
        await settled()
        assert leases.place_of(FIRST) is one
        leases.let_go(one)
        await settled()
        assert first.worker is one


async def test_a_part_of_a_job_has_a_worker_that_works_for_the_job() -> None:
    leases = new_desk("one", "two", "three")
    one, two, three = leases.workers

    async with leases.lend(FIRST), leases.lend(SECOND, part_of=FIRST), leases.lend(THIRD):
        assert [leases.job_on(worker) for worker in (one, two, three)] == [FIRST, FIRST, THIRD]
        assert leases.members_of(FIRST) == [one, two]
        assert (leases.of_job(FIRST), leases.part_on(two)) == (one, SECOND)
        leases.hold(two)
        assert leases.must_rest(SECOND)
        assert not leases.must_rest(FIRST)
        leases.exempt(FIRST)
        assert not leases.must_rest(SECOND), "who is finished first is so with all its workers"
        assert leases.remove(two) == FIRST
    assert leases.members_of(FIRST) == []


async def test_a_drained_worker_keeps_what_it_has_and_gets_nothing_new() -> None:
    leases = new_desk("one", "two")
    one, two = leases.workers
    leases.keep(FIRST, one)
    leases.drain(one)
    assert (leases.usable, leases.free) == ([two], [two])
    async with leases.lend(FIRST) as ours, comers(leases, SECOND, THIRD) as (second, third):
        assert ours is one
        assert (second.worker, third.worker) == (two, None)
        leases.undrain(one)
        await settled()
        assert third.worker is None  # FIRST is still there
    assert leases.free == [one, two]


async def test_a_job_comes_back_to_a_drained_worker_that_had_it_and_to_none_that_leaves() -> None:
    leases = new_desk("one")
    (one,) = leases.workers
    leases.drain(one)
    async with comers(leases, FIRST) as (other,):
        async with leases.lend(SECOND, returns_to=lambda worker: worker is one) as ours:
            assert ours is one
        assert other.worker is None
        leases.drain(one, for_good=True)
        back = asyncio.create_task(_lent_again(leases))
        await settled()
        assert not back.done()
        leases.undrain(one)
        await other.leave()
        assert await back is one


async def _lent_again(leases: WorkerLeases) -> Worker:
    async with leases.lend(SECOND, returns_to=lambda _worker: True) as worker:
        return worker
