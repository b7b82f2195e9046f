"""One job as the store holds it, with everything that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.engine.view.records import EVENTS_OF_JOB
from emeth_tui.listings import making, records
from emeth_tui.listings.movements import fees_by_movement, shown_movements
from emeth_tui.model import NO_PRICES, Prices
from emeth_tui.workers.job_files import LocalJobFiles

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.model import JobId, JobState, JournaledTransaction
    from emeth_tui.notices.event import Event
    from emeth_tui.store.jobs import AverageRecord, EpochRecord
    from emeth_tui.store.measurements import DeviceUse
    from emeth_tui.store.movements import Movement
    from emeth_tui.store.reading import StoreReader


@dataclass(frozen=True, slots=True)
class StoredJob:
    """Everything that is known about one job; `files` are its files on disk with their bytes."""

    job: Job
    states: list[tuple[JobState, float]]
    epochs: list[EpochRecord]
    transactions: list[JournaledTransaction]
    movements: list[Movement]
    files: list[tuple[str, int]]
    events: list[Event]
    uses: list[DeviceUse]
    averages: list[AverageRecord]

    @property
    def fee_wei(self) -> int:
        """What its transactions paid for gas, in the native token."""
        return sum(tx.fee_wei or 0 for tx in self.transactions)

    def record(self, prices: Prices = NO_PRICES) -> records.JobDetails:
        """Return it as a record, at the owner's prices."""
        fees_wei = fees_by_movement(self.transactions, self.movements)
        return records.JobDetails(
            job=making.job(self.job),
            states=[making.state(state, at) for state, at in self.states],
            epochs=[making.epoch(epoch) for epoch in self.epochs],
            transactions=[making.transaction(tx) for tx in self.transactions],
            movements=[making.movement(movement, fees_wei.get(movement)) for movement in self.movements],
            files=[records.FileRecord(name, size_bytes) for name, size_bytes in self.files],
            events=[making.event(event) for event in self.events],
            devices=[making.device_use(use) for use in self.uses],
            net=making.net(self.job, self.fee_wei, prices),
            averages=[making.average(average) for average in self.averages],
        )


def read_job(tables: StoreReader, job_id: JobId, jobs_dir: Path) -> StoredJob:
    """Read all about a job that is in the store."""
    job = tables.jobs.get(job_id)
    assert job is not None  # noqa: S101 - its id was read from there
    return StoredJob(
        job=job,
        states=tables.jobs.states(job_id),
        epochs=tables.jobs.epochs(job_id),
        transactions=tables.journal.of_job(job_id),
        movements=shown_movements(tables.movements.of_job(job_id)),
        files=LocalJobFiles(jobs_dir).listing(job_id) if (jobs_dir / job_id).is_dir() else [],
        events=tables.events.of_job(job_id, EVENTS_OF_JOB),
        uses=tables.energy.of_job(job_id),
        averages=tables.jobs.averages(job_id),
    )
