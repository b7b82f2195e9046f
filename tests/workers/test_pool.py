"""The set of workers: it grows and shrinks, and a device that does not start holds up no other."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.errors import DeviceFailed, WorkerError
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.worker import ProcessSilent
from emeth_tui.workers.link import NoNews, OnEnd, WorkerConfig
from emeth_tui.workers.messages import Ready, Shutdown, StartFailed
from emeth_tui.workers.supervisor import (
    DeviceDown,
    DeviceStarted,
    Limits,
    PoolEvent,
    Worker,
    WorkerPhase,
    WorkerPool,
)
from tests.workers import virtual_time
from tests.workers.jobs import Listener, hash_for, in_directories, make_request

LIMITS = Limits(
    start_s=1_000.0, others_s=60.0, deaths=1, restart=Backoff(1.0, 1.0), device=Backoff(5.0, 20.0)
)
SILENT = "silent"


class Devices:
    """Devices that start or do not, as a test says; to be given to a pool as its link factory."""

    def __init__(self, **outcomes: str) -> None:
        """`outcomes` are what a device answers: "" is ready, SILENT nothing, else why it does not start."""
        self.outcomes = outcomes
        self.opened: list[str] = []
        self.closed: list[str] = []

    def __call__(self, config: WorkerConfig, on_end: OnEnd) -> Any:
        self.opened.append(config.device)
        return Link(self, config.device, on_end)


class Link:
    """A link that says what its device answers, and then nothing."""

    def __init__(self, devices: Devices, device: str, on_end: OnEnd) -> None:
        self._devices = devices
        self._device = device
        self._on_end = on_end
        self._answered = False

    place = "nowhere"
    pid = 1

    def send(self, message: object) -> None:
        if isinstance(message, Shutdown):
            self._devices.closed.append(self._device)

    async def receive(self, limit_s: float = math.inf) -> Any:
        outcome = self._devices.outcomes[self._device]
        if outcome == SILENT or self._answered:
            await asyncio.sleep(limit_s)
            raise NoNews(ProcessSilent(limit_s))
        self._answered = True
        return (
            StartFailed(to_data(Foreign(outcome)))
            if outcome
            else Ready(1, self._device, f"a {self._device}", f"GPU-{self._device}")
        )

    async def end(self, grace_s: float) -> None:
        await self.kill()

    async def kill(self) -> None:
        self._on_end()


def new_pool(tmp_path: Path, devices: Devices) -> tuple[WorkerPool, list[PoolEvent]]:
    pool = WorkerPool(list(devices.outcomes), in_directories(tmp_path), limits=LIMITS, open_link=devices)
    events: list[PoolEvent] = []
    pool.subscribe(events.append)
    return pool, events


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def event_of(events: list[PoolEvent], kind: type[PoolEvent], number: int = 1) -> Any:
    """Return the `number`th event of a kind, waiting for it."""
    while len(found := [event for event in events if isinstance(event, kind)]) < number:  # noqa: ASYNC110  # in virtual time
        await asyncio.sleep(0.1)
    return found[number - 1]


def test_one_device_fails_and_the_other_works(tmp_path: Path) -> None:
    async def scene() -> None:
        devices = Devices(good="", bad="it is on fire")
        pool, events = new_pool(tmp_path, devices)
        await pool.start()
        good, bad = pool.workers

        assert (good.usable, bad.usable) == (True, False)
        assert (good.view.phase, bad.view.phase) == (WorkerPhase.IDLE, WorkerPhase.DOWN)
        assert bad.view.detail == Foreign("it is on fire")
        assert (good.view.gpu_uuid, bad.view.gpu_uuid) == ("GPU-good", "")
        first = await event_of(events, DeviceDown)
        assert (first.worker, first.again_in_s) == (bad, 5.0)
        assert "worker 1 on bad does not start: it is on fire; its log is " in str(first.error)
        await event_of(events, DeviceDown, 2)
        assert now_s() == pytest.approx(5.0, abs=0.2)
        devices.outcomes["bad"] = ""
        started = await event_of(events, DeviceStarted, 2)
        assert started.worker is bad
        assert now_s() == pytest.approx(15.0, abs=0.2), "with backoff"
        assert bad.usable
        await pool.close(1.0)

    virtual_time.run(scene())


def test_no_device_at_all_is_an_error(tmp_path: Path) -> None:
    async def scene() -> None:
        pool, _ = new_pool(tmp_path, Devices(one="first trouble", two="second trouble"))

        with pytest.raises(DeviceFailed, match="worker 0 on one does not start: first trouble"):
            await pool.start()

        assert [worker.view.phase for worker in pool.workers] == [WorkerPhase.CLOSED] * 2

    virtual_time.run(scene())


def test_without_a_device_it_goes_on_where_none_is_required(tmp_path: Path) -> None:
    async def scene() -> None:
        devices = Devices(bad="it is on fire", slow=SILENT)
        pool, events = new_pool(tmp_path, devices)

        await pool.start(required=False)

        assert now_s() == pytest.approx(LIMITS.none_s)
        assert not any(worker.usable for worker in pool.workers)
        devices.outcomes["bad"] = ""
        assert (await event_of(events, DeviceStarted)).worker is pool.workers[0]
        await pool.close(1.0)

    virtual_time.run(scene())


def test_a_device_that_hangs_keeps_the_others_for_a_minute_at_most(tmp_path: Path) -> None:
    async def scene() -> None:
        pool, events = new_pool(tmp_path, Devices(good="", slow=SILENT))

        await pool.start()

        assert now_s() == pytest.approx(LIMITS.others_s)
        assert [worker.usable for worker in pool.workers] == [True, False]
        down = await event_of(events, DeviceDown)
        assert down.worker is pool.workers[1]
        assert now_s() == pytest.approx(LIMITS.start_s, abs=0.2)
        await pool.close(1.0)

    virtual_time.run(scene())


def test_the_pool_grows_and_shrinks(tmp_path: Path) -> None:
    async def scene() -> None:
        devices = Devices(first="")
        pool, events = new_pool(tmp_path, devices)
        await pool.start()
        devices.outcomes["second"] = ""

        second = pool.add("second")
        assert (await event_of(events, DeviceStarted, 2)).worker is second
        assert pool.workers[1] is second
        await pool.remove(pool.workers[0], 1.0)

        assert pool.workers == (second,)
        assert devices.closed == ["first"]
        devices.outcomes["third"] = ""
        third = pool.add("third")
        assert third.index == 2, "an index is never given twice"
        await pool.close(1.0)
        assert set(devices.closed) == {"first", "second", "third"}

    virtual_time.run(scene())


def test_a_device_that_never_started_can_be_removed(tmp_path: Path) -> None:
    async def scene() -> None:
        devices = Devices(good="", bad="it is on fire")
        pool, _ = new_pool(tmp_path, devices)
        await pool.start()

        await pool.remove(pool.workers[1], 1.0)
        tries = devices.opened.count("bad")
        await asyncio.sleep(1_000.0)

        assert devices.opened.count("bad") == tries
        await pool.close(1.0)

    virtual_time.run(scene())


def test_a_device_that_fails_under_a_job_is_tried_again_without_it(tmp_path: Path) -> None:
    async def scene() -> None:
        devices = Devices(one="")
        pool, events = new_pool(tmp_path, devices)
        await pool.start()
        (worker,) = pool.workers
        await worker._link.kill()  # type: ignore[union-attr]  # as if its process had died
        devices.outcomes["one"] = "it fell off the bus"

        with pytest.raises(DeviceFailed, match="fell off the bus"):
            await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())
        assert not worker.usable
        devices.outcomes["one"] = ""
        assert (await event_of(events, DeviceStarted, 2)).worker is worker
        assert worker.usable
        await pool.close(1.0)

    virtual_time.run(scene())


async def test_a_gpu_that_is_not_there_keeps_no_cpu_from_working(tmp_path: Path) -> None:
    pool = WorkerPool(["cpu", "cuda:99"], in_directories(tmp_path / "logs"), limits=LIMITS)

    await pool.start()

    cpu, gpu = pool.workers
    assert (cpu.usable, gpu.usable) == (True, False)
    assert "cuda:99" in str(gpu.view.detail)
    await pool.close(5.0)


async def test_a_closed_worker_takes_no_job(tmp_path: Path) -> None:
    pool = WorkerPool(["cpu"], in_directories(tmp_path), open_link=Devices(cpu=""))
    await pool.start()
    worker: Worker = pool.workers[0]
    await pool.close(1.0)

    with pytest.raises(WorkerError, match="is closed"):
        await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())
    assert not worker.usable
