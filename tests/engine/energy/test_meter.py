"""Energy and time by device, job and day: what the meter adds up is what the devices took, to the joule."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.engine.energy.meter import EnergyMeter
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.engine.money.devices import devices_of, energy_by_day
from emeth_tui.engine.money.earnings import days_of
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import StoreError
from emeth_tui.model import SECONDS_PER_DAY, JobId, JobState, WorkerPhase, token_to_wei
from emeth_tui.store.database import MIGRATIONS, Store
from emeth_tui.store.measurements import DeviceUse, EnergyTable
from emeth_tui.store.safety.integrity import APPLICATION_ID
from emeth_tui.workers.views import WorkerView
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job

DAY = 20_000
MIDNIGHT = DAY * SECONDS_PER_DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@dataclass(eq=False)
class OneWorker:
    device: str
    view: WorkerView
    host: str = ""


class Farm:
    """A meter, its clock and the devices whose use it adds up; what they have now is the test's."""

    def __init__(self, store: Store, *devices: str) -> None:
        self.store, self.now, self.at_s = store, float(MIDNIGHT), 0.0
        self.jobs: dict[str, JobId | None] = dict.fromkeys(devices)
        self.workers = [
            OneWorker(
                device, WorkerView(n, device, pid=100 + n, gpu_uuid="" if device == "cpu" else f"GPU-{n}")
            )
            for n, device in enumerate(devices)
        ]
        leases: Any = SimpleNamespace(workers=self.workers, job_on=lambda worker: self.jobs[worker.device])
        self.book = JobBook(store.jobs, lambda: self.now)
        self.meter = EnergyMeter(store.energy, self.book, leases, lambda: self.now)

    def add(self, job_id: JobId = JOB_ID) -> None:
        self.book.add(make_job(job_id=job_id, state=JobState.TRAINING))

    def see(
        self, seconds: float, *gpus: GpuReading, processes: dict[int, int] | None = None, **jobs: Any
    ) -> None:
        """Take a sample so many seconds after the last one."""
        self.now += seconds
        self.at_s += seconds
        self.jobs.update({name.replace("_", ":"): job for name, job in jobs.items()})
        self.meter.take(Sample(self.at_s, gpus, energy_uj=processes))

    async def kept(self) -> list[DeviceUse]:
        await self.meter.keep()
        return self.store.energy.all()


def counted(energy_mj: int, device: str = "cuda:0") -> GpuReading:
    return GpuReading(device, 97, 8, 71, None, energy_mj=energy_mj)


def powered(power_w: float | None, device: str = "cuda:0") -> GpuReading:
    return GpuReading(device, 97, 8, 71, power_w)


async def test_a_gpus_own_counter_says_what_it_took(store: Store) -> None:
    farm = Farm(store, "cuda:0")
    farm.add()
    farm.see(0, counted(5_000), cuda_0=JOB_ID)
    farm.see(2, counted(505_123))
    farm.see(2, counted(1_005_000), cuda_0=None)
    farm.see(2, counted(2_000_000))  # that is no job's

    assert await farm.kept() == [DeviceUse(DAY, "cuda:0", JOB_ID, 4_000, 1_000_000)]
    assert farm.book.get(JOB_ID).energy_mj == 1_000_000
    job = store.jobs.get(JOB_ID)
    assert job is not None
    assert job.energy_mj == 1_000_000


async def test_without_a_counter_power_is_taken_over_the_time(store: Store) -> None:
    farm = Farm(store, "cuda:0")
    farm.see(0, powered(100), cuda_0=JOB_ID)
    farm.see(2, powered(300))
    farm.see(100, powered(300))  # nobody knows what it was in between
    farm.see(2, powered(None))

    assert await farm.kept() == [DeviceUse(DAY, "cuda:0", JOB_ID, 104_000, 400_000)]


async def test_a_counter_that_begins_again_counts_on_from_there(store: Store) -> None:
    farm = Farm(store, "cuda:0")
    farm.see(0, counted(9_000), cuda_0=JOB_ID)
    farm.see(2, counted(10))
    farm.see(2, counted(2_010))

    assert [use.energy_mj for use in await farm.kept()] == [2_000]


async def test_a_device_that_nothing_measures_has_its_time_alone(store: Store) -> None:
    farm = Farm(store, "cpu")
    farm.see(0, cpu=JOB_ID)
    farm.see(2)

    assert await farm.kept() == [DeviceUse(DAY, "cpu", JOB_ID, 2_000, None)]
    assert store.jobs.all() == []


async def test_a_cpu_has_the_energy_of_its_process_and_fractions_are_not_lost(store: Store) -> None:
    farm = Farm(store, "cpu")
    farm.see(0, processes={100: 999_999}, cpu=JOB_ID)
    for _ in range(10):
        farm.see(2, processes={100: 1_234_567, 7: 5})
        await farm.meter.keep()

    assert [use.energy_mj for use in store.energy.all()] == [12_345]


async def test_a_job_that_rests_takes_neither_time_nor_energy(store: Store) -> None:
    """Else a device that is held all day would seem to train at little power."""
    farm = Farm(store, "cuda:0")
    (worker,) = farm.workers
    farm.see(0, powered(300), cuda_0=JOB_ID)
    farm.see(2, powered(300))
    worker.view = replace(worker.view, phase=WorkerPhase.PAUSED)
    farm.see(2, powered(300))  # it rested at its end
    for _ in range(20):
        farm.see(2, powered(20))
    worker.view = replace(worker.view, phase=WorkerPhase.TRAINING)
    farm.see(2, powered(300))

    assert await farm.kept() == [DeviceUse(DAY, "cuda:0", JOB_ID, 6_000, 1_200_000 + 320_000)]


async def test_nothing_is_written_while_nothing_was_used(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = Farm(store, "cpu")
    farm.see(0, cpu=JOB_ID)
    farm.see(2, processes={100: 1_999}, cpu=None)
    await farm.meter.keep()
    written: list[object] = []
    monkeypatch.setattr(EnergyTable, "add", lambda _table, uses: written.extend(uses))
    farm.see(2)
    await farm.meter.keep()

    assert written == [], "half a thousandth of a joule waits for more"


async def test_another_machines_processes_are_not_taken_for_ours(store: Store) -> None:
    farm = Farm(store, "cpu")
    (worker,) = farm.workers
    farm.workers[0] = replace(worker, host="attic")
    farm.see(0, processes={100: 5_000}, cpu=JOB_ID)
    farm.see(2, processes={100: 5_000})

    assert await farm.kept() == [DeviceUse(DAY, "cpu", JOB_ID, 2_000, None)]


async def test_what_cannot_be_stored_is_stored_the_next_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = Farm(store, "cuda:0")
    farm.add()
    farm.see(0, counted(0), cuda_0=JOB_ID)
    farm.see(2, counted(7))
    with monkeypatch.context() as broken:
        broken.setattr(store._connection, "execute", lambda *_args: (_ for _ in ()).throw(StoreError(None)))  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            await farm.meter.keep()
    assert farm.book.get(JOB_ID).energy_mj is None
    assert [use.energy_mj for use in await farm.kept()] == [7]


async def test_the_mean_power_is_that_of_work_that_was_measured(store: Store) -> None:
    farm = Farm(store, "cuda:0", "cpu")
    assert farm.meter.power_w("cuda:0") is None
    farm.see(0, powered(200), cuda_0=JOB_ID, cpu=OTHER_JOB_ID)
    farm.see(2, powered(200))
    await farm.meter.keep()

    assert farm.meter.power_w("cuda:0") == 200
    assert farm.meter.power_w("cpu") is None
    assert Farm(store, "cuda:0").meter.power_w("cuda:0") == 200, "after a restart too"


@pytest.mark.slow
async def test_thirty_days_add_up_to_the_joule_and_the_wei_and_take_no_more_room(store: Store) -> None:
    """Two GPUs, two jobs a day, a sample every two minutes' worth: rows by day, device and job alone."""
    farm = Farm(store, "cuda:0", "cuda:1")
    counters = {"cuda:0": 0, "cuda:1": 0}
    taken: dict[str, int] = dict.fromkeys(counters, 0)
    earned_wei: dict[str, int] = dict.fromkeys(counters, 0)
    withdrawn_wei: dict[int, int] = {}
    for day in range(30):
        jobs = {device: JobId(f"0x{day:031x}{n}") for n, device in enumerate(counters)}
        for job_id in jobs.values():
            farm.add(job_id)
        farm.now = float(MIDNIGHT + day * SECONDS_PER_DAY)
        for n, device in enumerate(counters):
            counters[device] += 13 + n  # idle over night
        farm.see(1, *(counted(value, device) for device, value in counters.items()))
        for step in range(200):
            farm.jobs.update(jobs)
            if step:
                for n, device in enumerate(counters):
                    counters[device] += 400_007 + 1_001 * n + step
                    taken[device] += 400_007 + 1_001 * n + step
            farm.see(2, *(counted(value, device) for device, value in counters.items()))
            if step % 15 == 0:
                await farm.meter.keep()
        farm.jobs.update(dict.fromkeys(counters))
        farm.see(2, *(counted(value, device) for device, value in counters.items()))
        await farm.meter.keep()
        assert len(farm.meter._used) == 0
        for n, (device, job_id) in enumerate(jobs.items()):
            won_wei = token_to_wei(10) + 7 * day + n
            for state in (JobState.UPLOADING, JobState.SUBMITTING, JobState.SUBMITTED):
                farm.book.advance(job_id, state)
            farm.book.advance(job_id, JobState.VERIFIED, gas=5 + n, earned_wei=won_wei)
            earned_wei[device] += won_wei
        withdrawn_wei[DAY + day] = 1_000_000_007 + day

    uses, ended = store.energy.all(), store.jobs.all()
    days = days_of(ended, (), withdrawn_wei=withdrawn_wei, energy_mj=energy_by_day(uses))
    devices = devices_of(uses, ended, days)

    assert len(uses) == 60
    assert {one.device: one.energy_mj for one in devices} == taken
    assert (
        sum(job.energy_mj or 0 for job in ended)
        == sum(day.energy_mj or 0 for day in days)
        == sum(taken.values())
    )
    total_wei = sum(one.emt_wei for one in devices)
    assert sum(earned_wei.values()) < total_wei <= sum(day.total_wei for day in days)
    assert sum(day.total_wei for day in days) - total_wei < 60, "less than a wei of each job's part is left"


def test_what_a_job_came_to_is_shared_out_by_time_to_the_wei() -> None:
    job = make_job(state=JobState.VERIFIED, ended_at_unix_s=MIDNIGHT + 5.0, earned_wei=100, gas=1)
    uses = [
        DeviceUse(DAY - 1, "cpu", JOB_ID, 1_000, None),
        DeviceUse(DAY, "cuda:0", JOB_ID, 2_000, 5),
    ]
    days = days_of([job], (), withdrawn_wei={DAY: 1}, energy_mj=energy_by_day(uses))

    cpu, gpu = devices_of(uses, [job], [day for day in days if day.slot == DAY])

    assert (cpu.device, cpu.work_ms, cpu.energy_mj, cpu.emt_wei) == ("cpu", 0, None, 33)
    assert (gpu.device, gpu.work_ms, gpu.energy_mj, gpu.emt_wei) == ("cuda:0", 2_000, 5, 68)


def test_a_database_from_before_energy_was_kept_goes_on(tmp_path: Path) -> None:
    before = next(n for n, script in enumerate(MIGRATIONS) if "device_use" in script)
    with Store(tmp_path) as store:
        store.jobs.save(make_job(state=JobState.TRAINING), at_unix_s=1.0, state_changed=True)
        row = dict(store._connection.execute("SELECT * FROM jobs").fetchone())
        path = store.path
    path.unlink()
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()
    with sqlite3.connect(path) as old:
        for script in MIGRATIONS[:before]:
            old.executescript(script)
        old.execute(f"PRAGMA user_version = {before}")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        known = {column[1] for column in old.execute("PRAGMA table_info(jobs)")}
        row = {name: value for name, value in row.items() if name in known}
        columns = ", ".join(row)
        old.execute(f"INSERT INTO jobs ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))  # noqa: S608
    old.close()

    with Store(tmp_path) as store:
        assert store.jobs.all() == [make_job(state=JobState.TRAINING)]
        store.energy.add([DeviceUse(DAY, "cuda:0", JOB_ID, 10, 77)])
        assert [job.energy_mj for job in store.jobs.all()] == [77]
