"""Thirty days, and nothing grows or gets lost: memory, disk, wei, joules, and what people are told."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from emeth_tui.alerts import mailbox
from emeth_tui.alerts.alerting import serve_alerts
from emeth_tui.engine.energy.meter import EnergyMeter
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.engine.money.earnings import days_of
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.metrics.server import EventCounts
from emeth_tui.model import SECONDS_PER_DAY, AlertTopic, JobId, JobState
from emeth_tui.notices.events.job import EpochDone, Failed
from emeth_tui.notices.events.node import DayClosed
from emeth_tui.notices.events.schedule import DeviceHeld, DeviceLetGo
from emeth_tui.notices.reasons.pauses.rules import GpuHot
from emeth_tui.settings import Settings, settings_layers
from emeth_tui.settings.alert_secrets import AlertSecrets, Webhook
from emeth_tui.store import events as event_table
from emeth_tui.store.database import Store
from emeth_tui.workers.views import WorkerView
from tests.alerts.receiver import SECRET, Receiver, until
from tests.engine.harness import Harness, RunningNode
from tests.factories import make_job

pytestmark = pytest.mark.slow
DAYS = 30
REJECTED = (3, 16)
FIRST_DAY = 20_000
DEVICES = ("cuda:0", "cuda:1")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as server:
        yield server


def settings_of(**alerts: Any) -> Settings:
    topics = [topic.value for topic in AlertTopic]
    text = "\n".join(f"{name} = {value!r}" for name, value in {"topics": topics, **alerts}.items())
    return settings_layers(environment={}).combine(f"[alerts]\n{text}\n[schedule]\ntime_zone = 'UTC'")


def alerts_to(receiver: Receiver, settings: Settings, store: Store, events: EventLog, now: Any) -> Any:
    secrets = AlertSecrets(Webhook(SecretStr(receiver.url), SecretStr(SECRET)))
    return serve_alerts(
        secrets, lambda: settings, address="0xabc", network="devnet", events=events, store=store, now=now
    )


# ---- memory and disk

EVENTS_A_DAY = 400


class Clock:
    def __init__(self) -> None:
        self.unix_s = float(FIRST_DAY * SECONDS_PER_DAY)

    def now(self) -> float:
        return self.unix_s


async def a_day_of_events(events: EventLog, store: Store, clock: Clock, day: int) -> None:
    """Publish what a busy node does on a day, and keep the store as it does."""
    for number in range(EVENTS_A_DAY):
        clock.unix_s = (FIRST_DAY + day + number / EVENTS_A_DAY) * SECONDS_PER_DAY
        job_id = JobId(f"0x{day:016x}{number // 40:016x}")
        match number % 40:
            case 36:
                events.publish(DeviceHeld("cuda:0", GpuHot(80 + number % 9, 75, f"{day} {number}")))
            case 37:
                events.publish(DeviceLetGo("cuda:0"))
            case 38 if number % 200 == 38:
                events.publish(Failed(lost_wei=number), job_id=job_id)
            case step:
                events.publish(EpochDone(step, 30, 3.0, 2.9, 1.0), job_id=job_id)
        if number % 40 == 39:
            store.move_writes()
            await asyncio.sleep(0)
    store.back_up()


def size_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


async def test_memory_and_disk_stay_flat(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_table, "KEPT_EVENTS", 8 * EVENTS_A_DAY)
    monkeypatch.setattr(event_table, "KEPT_EPOCHS", 2 * EVENTS_A_DAY)
    monkeypatch.setattr(mailbox, "MOST_KEPT", 20)  # the mailbox is full within days
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # pytest keeps each record
    receiver.down = 503  # for all of it: nothing may pile up
    clock, memory, disk = Clock(), list[int](), list[int]()
    with Store(tmp_path) as store, closing(EventLog(store.events, clock.now)) as events:
        counts = EventCounts(events.subscribe())
        counting = asyncio.create_task(counts.follow())
        async with alerts_to(receiver, settings_of(gather_s=0), store, events, clock.now):
            tracemalloc.start()
            try:
                for day in range(DAYS):
                    await a_day_of_events(events, store, clock, day)
                    with receiver.taking:  # what is being looked at counts in no day
                        receiver.posts.clear()
                        gc.collect()
                        memory.append(tracemalloc.get_traced_memory()[0])
                    disk.append(size_bytes(tmp_path))
            finally:
                tracemalloc.stop()
        counts.stream.close()
        await counting

    assert max(disk[15:]) <= 1.1 * max(disk[:15]), disk
    assert min(memory[15:]) - min(memory[5:15]) < 50_000, memory  # peaks are what is under way
    assert sum(counts.now().values()) >= DAYS * EVENTS_A_DAY


# ---- joules


@dataclass(eq=False)
class FarmWorker:
    device: str
    view: WorkerView
    host: str = ""


class Farm:
    """Two GPUs whose counters of energy run on, and a node that is started again and again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.now, self.at_s = float(FIRST_DAY * SECONDS_PER_DAY), 0.0
        self.counters = dict.fromkeys(DEVICES, 0)
        self.used: Counter[JobId] = Counter()  # what each job took, in mJ
        self.jobs: dict[str, JobId | None] = dict.fromkeys(DEVICES)
        self._seen = dict(self.jobs)  # at the reading before: a job has the whole interval in which it ends
        self._number = 0

    @asynccontextmanager
    async def node(self) -> AsyncIterator[EnergyMeter]:
        """Run a node's meter until it is stopped properly."""
        views = [WorkerView(n, device, gpu_uuid=f"GPU-{n}") for n, device in enumerate(DEVICES)]
        workers = [FarmWorker(view.device, view) for view in views]
        leases: Any = SimpleNamespace(workers=workers, job_on=lambda worker: self.jobs[worker.device])
        with Store(self._directory) as store:
            self._book = JobBook(store.jobs, lambda: self.now)
            meter = EnergyMeter(store.energy, self._book, leases, lambda: self.now)
            self._see(meter)
            yield meter
            self.pass_time(meter, 1.0)  # the last reading
            await meter.close()

    def begin_job(self, device: str) -> JobId:
        self._number += 1
        job_id = JobId(f"0x{self._number:032x}")
        self._book.add(make_job(job_id=job_id, state=JobState.TRAINING))
        self.jobs[device] = job_id
        return job_id

    def end_job(self, device: str) -> None:
        self.jobs[device] = None

    def pass_time(self, meter: EnergyMeter, seconds: float) -> None:
        self.now += seconds
        self.at_s += seconds
        for number, device in enumerate(DEVICES):
            job_id = self.jobs[device] or self._seen[device]
            took_mj = round(seconds * (211_337 + 1_009 * number) if job_id else seconds * 20_011)
            self.counters[device] += took_mj
            if job_id is not None:
                self.used[job_id] += took_mj
        self._see(meter)
        self._seen = dict(self.jobs)

    def idle(self, seconds: float) -> None:
        """Let time pass while the node is down."""
        self.now += seconds
        self.counters = {device: count + round(seconds * 20_011) for device, count in self.counters.items()}

    def _see(self, meter: EnergyMeter) -> None:
        gpus = tuple(GpuReading(one, 97, 8, 60, None, energy_mj=mj) for one, mj in self.counters.items())
        meter.take(Sample(self.at_s, gpus))


async def test_no_joule_is_lost_over_thirty_days_of_restarts(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    for day in range(DAYS):
        for half in range(2):
            async with farm.node() as meter:
                for device in DEVICES:
                    if farm.jobs[device] is None:
                        farm.begin_job(device)
                for minute in range(11 * 60):
                    farm.pass_time(meter, 60.0)
                    if minute % 10 == 9:
                        await meter.keep()
                if (day + half) % 3 == 2:
                    farm.end_job(DEVICES[half])
                    farm.pass_time(meter, 60.0)
            farm.idle(SECONDS_PER_DAY * (day + (half + 1) / 2) + FIRST_DAY * SECONDS_PER_DAY - farm.now)

    with Store(tmp_path) as store:
        uses = store.energy.all()
        jobs = {job.job_id: job.energy_mj for job in store.jobs.all()}
    by_job = Counter[JobId]()
    for use in uses:
        by_job[use.job_id] += use.energy_mj or 0
    assert by_job == farm.used
    assert jobs == dict(farm.used)


# ---- wei


async def a_day_on_the_chain(network: Harness, node: RunningNode, day: int) -> None:
    """Have a job done, and its result verified or, on some days, rejected."""
    job_id = await network.post(fee_emt=f"{12 + day % 15}.000000000000000{day:03}")
    await node.event("submitted", job_id)
    if day in REJECTED:
        await network.reject(job_id)
        await node.event("failed", job_id)
    else:
        await network.verify(job_id, gas=5 + day)
        await node.event("verified", job_id)


async def next_day(network: Harness) -> None:
    """Let a day pass, and the requester see it."""
    await network.pass_time(SECONDS_PER_DAY)
    await network.devnet.mirror.refresh()


@asynccontextmanager
async def telling_node(network: Harness, receiver: Receiver) -> AsyncIterator[RunningNode]:
    """Run a node that sends alerts, and stop it."""
    async with network.node() as node:
        events = node.node._context.events
        async with alerts_to(receiver, settings_of(gather_s=0), node.store, events, time.time):
            yield node
            summary = await node.stop()
    assert summary.adds_up


async def test_every_day_is_told_once_and_the_ledger_adds_up_to_the_wei(
    network: Harness, receiver: Receiver
) -> None:
    began_wei, day, with_jobs = await network.emt_wei(), 0, 0
    for days in (4, 9, 1, 9, 7):  # the node is down when the last of them ends
        async with telling_node(network, receiver) as node:
            for number in range(days):
                receiver.down = 503 if day % 3 else None
                has_job = day % 5 == 1 or number == days - 1
                if has_job:
                    await a_day_on_the_chain(network, node, day)
                    with_jobs += 1
                day += 1
                if number < days - 1:
                    await next_day(network)
                    if has_job:
                        await node.event("day_closed")
        await next_day(network)
    receiver.down = None
    async with telling_node(network, receiver) as node:
        await node.event("withdrawn")
        await until(lambda: len(told_days(receiver)) >= with_jobs)
        moved_wei = sum(row.amount_wei for row in node.store.movements.after(0))
        closed = [one.body for one in node.store.events.newest() if isinstance(one.body, DayClosed)]
        jobs = node.store.jobs.all()

    assert day == DAYS
    assert len({one.slot for one in closed}) == len(closed) == with_jobs
    assert Counter(told_days(receiver)) == Counter(one.slot for one in closed)
    told_wei = sum(one.earned_wei - one.lost_wei + one.reward_wei for one in closed)
    assert told_wei == moved_wei == await network.emt_wei() - began_wei
    accounts = days_of(jobs, [], withdrawn_wei={one.slot: one.reward_wei for one in closed})
    assert sum(account.total_wei for account in accounts) == told_wei


def told_days(receiver: Receiver) -> list[int]:
    alerts = [alert for alert in receiver.alerts if alert["event"] == DayClosed.kind]
    return [alert["fields"]["slot"] for alert in alerts]
