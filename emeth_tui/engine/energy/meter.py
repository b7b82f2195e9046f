"""Measures how long each device works on which job, and the energy that this takes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import EmethError
from emeth_tui.model import SECONDS_PER_DAY, JobId, WorkerPhase
from emeth_tui.store.measurements import DeviceUse, EnergyTable
from emeth_tui.workers.supervisor import Worker

logger = logging.getLogger(__name__)
KEEP_EVERY_S = 30.0
LONGEST_GAP_S = 10.0  # between two samples; over a longer one, the power in between is not known
POWER_OF_DAYS = 30  # of the last days, in the mean
_UJ_PER_MJ = 1_000
_Key = tuple[int, str, JobId]


@dataclass(slots=True)
class _Used:
    work_ms: int = 0
    energy_uj: int | None = None


class EnergyMeter:
    """Takes samples and adds up, in memory and every now and then in the store.

    A GPU's own counter of energy is exact; without one its power is taken over the time. A CPU worker has the
    energy of its process. Whatever a device takes while it has no job, or its job rests, is no job's, and
    is not counted. The devices of other machines have their time alone: nothing measures them here.
    """

    def __init__(
        self, table: EnergyTable, book: JobBook, leases: WorkerLeases, now: Callable[[], float]
    ) -> None:
        self._table = table
        self._book = book
        self._leases = leases
        self._now = now
        self._before: Sample | None = None
        self._jobs: dict[Worker, JobId] = {}  # at the sample before
        self._used: defaultdict[_Key, _Used] = defaultdict(_Used)
        self._kept_power = table.power_by_device(self._slot - POWER_OF_DAYS)

    def take(self, sample: Sample) -> None:
        """Take the next sample."""
        before, self._before = self._before, sample
        for worker in self._leases.workers:
            worked_for = self._at_work_on(worker) or self._jobs.get(worker)
            if before is not None and worked_for is not None:
                self._add(worker, worked_for, before, sample)
        jobs = {worker: self._at_work_on(worker) for worker in self._leases.workers}
        self._jobs = {worker: job_id for worker, job_id in jobs.items() if job_id is not None}

    async def keep(self) -> None:
        """Store what was added up since the last time; what fails is tried again then.

        Raise DiskFull or StoreError.
        """
        uses = [
            DeviceUse(*key, used.work_ms, None if used.energy_uj is None else used.energy_uj // _UJ_PER_MJ)
            for key, used in self._used.items()
            if used.work_ms or (used.energy_uj or 0) >= _UJ_PER_MJ
        ]
        if not uses:
            return
        self._table.add(uses)
        for use in uses:
            if use.energy_mj is not None:
                self._book.note_energy(use.job_id, use.energy_mj)
        slot = self._slot
        rests = {
            key: used.energy_uj % _UJ_PER_MJ
            for key, used in self._used.items()
            if used.energy_uj is not None and key[0] == slot
        }
        self._used.clear()
        for key, rest_uj in rests.items():
            if rest_uj:
                self._used[key] = _Used(0, rest_uj)
        self._kept_power = self._table.power_by_device(slot - POWER_OF_DAYS)

    async def close(self) -> None:
        """Store the rest. What cannot be stored is lost, and logged."""
        try:
            await self.keep()
        except EmethError as error:
            logger.error("the energy of the last moments could not be stored: %s", error)

    def power_w(self, device: str) -> float | None:
        """Return a device's mean power at work over the last days, None while nothing has measured it."""
        energy_mj, work_ms = self._kept_power.get(device, (0, 0))
        return energy_mj / work_ms if work_ms else None

    @property
    def _slot(self) -> int:
        return int(self._now()) // SECONDS_PER_DAY

    def _at_work_on(self, worker: Worker) -> JobId | None:
        return None if worker.view.phase is WorkerPhase.PAUSED else self._leases.job_on(worker)

    def _add(self, worker: Worker, job_id: JobId, before: Sample, sample: Sample) -> None:
        elapsed_s = sample.at_s - before.at_s
        if elapsed_s <= 0:
            return
        used = self._used[self._slot, worker.device, job_id]
        used.work_ms += round(elapsed_s * 1_000)
        energy_uj = _energy_uj(worker, before, sample, elapsed_s)
        if energy_uj is not None:
            used.energy_uj = (used.energy_uj or 0) + energy_uj


def _energy_uj(worker: Worker, before: Sample, sample: Sample, elapsed_s: float) -> int | None:
    if worker.host:
        return None
    gpu = sample.gpu(worker.device)
    if worker.view.gpu_uuid:
        was = before.gpu(worker.device)
        return None if gpu is None or was is None else _of_gpu(was, gpu, elapsed_s)
    pid = worker.view.pid
    return None if sample.energy_uj is None or pid is None else sample.energy_uj.get(pid)


def _of_gpu(before: GpuReading, now: GpuReading, elapsed_s: float) -> int | None:
    if before.energy_mj is not None and now.energy_mj is not None and now.energy_mj >= before.energy_mj:
        return (now.energy_mj - before.energy_mj) * _UJ_PER_MJ
    if before.power_w is None or now.power_w is None or elapsed_s > LONGEST_GAP_S:
        return None
    return round((before.power_w + now.power_w) / 2 * elapsed_s * 1e6)
