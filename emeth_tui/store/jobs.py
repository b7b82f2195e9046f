"""Jobs, the times of their states, and the results of each epoch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields

from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, Language
from emeth_tui.notices.notice import reason_data, reason_from
from emeth_tui.store.connection import Connection

_ADDED_UP = "energy_mj"  # of the devices, by store/measurements.py
_COLUMNS = tuple(column.name for column in fields(Job) if column.name != _ADDED_UP)
_WEI_COLUMNS = frozenset(name for name in _COLUMNS if name.endswith("_wei"))
_UPSERT = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT (job_id) DO UPDATE SET {', '.join(f'{name} = :{name}' for name in _COLUMNS[1:])}"
)
_SELECT = (
    "SELECT jobs.*, (SELECT SUM(energy_mj) FROM device_use WHERE device_use.job_id = jobs.job_id) "  # noqa: S608
    f"AS {_ADDED_UP} FROM jobs"
)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One trained epoch of a job: losses in nats per token, and its link of the hash chain."""

    epoch: int
    train_loss: float
    valid_loss: float
    seconds: float
    link: str


@dataclass(frozen=True, slots=True)
class AverageRecord:
    """What one average of a shared job took: from the last part trained until all members had it.

    The bytes are the most that any member on another machine sent and received; 0 where none is on one.
    """

    epoch: int
    seconds: float
    bytes_up: int
    bytes_down: int


class JobTable:
    """Reads and writes jobs. Every write is committed when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, job: Job, *, at_unix_s: float, state_changed: bool) -> None:
        """Write a whole job and, if its state changed, the time of the change, in one transaction."""
        self._connection.execute("BEGIN")
        try:
            self._connection.execute(_UPSERT, _to_row(job))
            if state_changed:
                self._connection.execute(
                    "INSERT INTO job_states (job_id, state, at_unix_s) VALUES (?, ?, ?)",
                    (job.job_id, job.state.value, at_unix_s),
                )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise

    def get(self, job_id: JobId) -> Job | None:
        row = self._connection.execute(f"{_SELECT} WHERE job_id = ?", (job_id,)).fetchone()
        return _from_row(row) if row else None

    def all(self) -> list[Job]:
        """Return every job that was ever ours, oldest first."""
        rows = self._connection.execute(f"{_SELECT} ORDER BY created_at_unix_s, job_id")
        return [_from_row(row) for row in rows]

    def older(self, than: JobId | None, limit: int) -> list[Job]:
        """Return the newest jobs, newest first; with `than`, the newest of those taken before that job."""
        place = "(SELECT created_at_unix_s, job_id FROM jobs WHERE job_id = ?)"
        where = "" if than is None else f"WHERE (created_at_unix_s, job_id) < {place}"
        rows = self._connection.execute(
            f"{_SELECT} {where} ORDER BY created_at_unix_s DESC, job_id DESC LIMIT ?",
            (*([than] if than else []), limit),
        )
        return [_from_row(row) for row in rows]

    def ids(self) -> list[JobId]:
        """Return the id of every job that was ever ours."""
        return [JobId(row["job_id"]) for row in self._connection.execute("SELECT job_id FROM jobs")]

    def in_states(self, states: Iterable[JobState]) -> list[Job]:
        """Return the jobs in any of `states`, oldest first."""
        names = [state.value for state in states]
        marks = ", ".join("?" * len(names))
        rows = self._connection.execute(
            f"{_SELECT} WHERE state IN ({marks}) ORDER BY created_at_unix_s",
            names,
        )
        return [_from_row(row) for row in rows]

    def ended_since(self, since_unix_s: float) -> list[Job]:
        """Return the jobs that ended at or after a time, oldest first."""
        rows = self._connection.execute(
            f"{_SELECT} WHERE ended_at_unix_s >= ? ORDER BY ended_at_unix_s", (since_unix_s,)
        )
        return [_from_row(row) for row in rows]

    def states(self, job_id: JobId) -> list[tuple[JobState, float]]:
        """Return the states that a job went through, with the unix time of each."""
        rows = self._connection.execute(
            "SELECT state, at_unix_s FROM job_states WHERE job_id = ? ORDER BY rowid", (job_id,)
        )
        return [(JobState(row["state"]), row["at_unix_s"]) for row in rows]

    def add_epoch(self, job_id: JobId, epoch: EpochRecord) -> None:
        """Store an epoch; one trained again after a restart replaces the earlier record."""
        self._connection.execute(
            "INSERT OR REPLACE INTO epochs (job_id, epoch, train_loss, valid_loss, seconds, link) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (job_id, epoch.epoch, epoch.train_loss, epoch.valid_loss, epoch.seconds, epoch.link),
        )

    def epochs(self, job_id: JobId) -> list[EpochRecord]:
        """Return a job's trained epochs, in order."""
        rows = self._connection.execute(
            "SELECT epoch, train_loss, valid_loss, seconds, link FROM epochs WHERE job_id = ? ORDER BY epoch",
            (job_id,),
        )
        return [EpochRecord(*row) for row in rows]

    def add_average(self, job_id: JobId, average: AverageRecord) -> None:
        """Store what an average took; one that is known better replaces the earlier record."""
        self._connection.execute(
            "INSERT OR REPLACE INTO averages (job_id, epoch, seconds, bytes_up, bytes_down) "
            "VALUES (?, ?, ?, ?, ?)",
            (job_id, average.epoch, average.seconds, average.bytes_up, average.bytes_down),
        )

    def averages(self, job_id: JobId) -> list[AverageRecord]:
        """Return what a job's averages took, in order."""
        rows = self._connection.execute(
            "SELECT epoch, seconds, bytes_up, bytes_down FROM averages WHERE job_id = ? ORDER BY epoch",
            (job_id,),
        )
        return [AverageRecord(*row) for row in rows]


def _to_row(job: Job) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(job, name) for name in _COLUMNS}
    row.update({name: str(row[name]) for name in _WEI_COLUMNS})
    row.update(state=job.state.value, language=job.language.value)
    row["error"] = None if job.error is None else json.dumps(reason_data(job.error))
    row.update(paused=int(job.paused), by_hand=int(job.by_hand))
    row["seen_end"] = None if job.seen_end is None else job.seen_end.value
    return row


def _from_row(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in _COLUMNS}
    values.update({name: int(values[name]) for name in _WEI_COLUMNS})
    values.update(state=JobState(values["state"]), language=Language(values["language"]))
    values["error"] = None if values["error"] is None else reason_from(json.loads(values["error"]))
    values.update(paused=bool(values["paused"]), by_hand=bool(values["by_hand"]))
    values["seen_end"] = None if values["seen_end"] is None else JobState(values["seen_end"])
    return Job(**values, energy_mj=row[_ADDED_UP])
