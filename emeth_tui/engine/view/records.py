"""What a screen needs beyond the snapshot: one job's whole record, all jobs, transactions, logs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.clients.threads import run_to_end
from emeth_tui.engine.money.costs import DayCosts, costs_by_day
from emeth_tui.engine.view import log_files
from emeth_tui.engine.view.following import FollowedJob, follow
from emeth_tui.engine.view.network import NetworkLook
from emeth_tui.engine.view.series import Series, SeriesRecorder, Span
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, JournaledTransaction
from emeth_tui.network.overview import Overview
from emeth_tui.notices.event import Event
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.store.jobs import AverageRecord, EpochRecord
from emeth_tui.store.reading import read_store

if TYPE_CHECKING:
    from emeth_tui.engine.context import Context  # web3 behind it takes a second to load
    from emeth_tui.engine.settings_editor import SettingsEditor, SettingsView

EVENTS_OF_JOB = 2_000  # the newest
MOST_REQUESTS = 1_000  # the newest: each is read from the chain


@dataclass(frozen=True, slots=True)
class JobRecord:
    """Everything that the node knows about one job; `files` are its files on disk with their bytes."""

    job: Job
    states: tuple[tuple[JobState, float], ...]
    epochs: tuple[EpochRecord, ...]
    transactions: tuple[JournaledTransaction, ...]
    events: tuple[Event, ...]
    files: tuple[tuple[str, int], ...] = ()
    averages: tuple[AverageRecord, ...] = ()  # of a shared job


class NodeRecords:
    """Answers queries and changes nothing. Coroutines, because the same queries also go over a socket."""

    def __init__(self, context: Context, settings_editor: SettingsEditor, series: SeriesRecorder) -> None:
        self._context = context
        self._settings_editor = settings_editor
        self._series = series
        self._network = NetworkLook()

    async def job(self, job_id: JobId) -> JobRecord | None:
        """Return the record of a job, open or ended; None when it was never ours."""
        store = self._context.store
        job = self._context.book.known(job_id)
        if job is None:
            return None
        return JobRecord(
            job,
            tuple(store.jobs.states(job_id)),
            tuple(store.jobs.epochs(job_id)),
            tuple(store.journal.of_job(job_id)),
            tuple(store.events.of_job(job_id, EVENTS_OF_JOB)),
            tuple(await asyncio.to_thread(self._context.disk.files.listing, job_id)),
            tuple(store.jobs.averages(job_id)),
        )

    async def history(self) -> list[Job]:
        """Return every job that was ever ours, newest first.

        They may be tens of thousands: they are read in a thread, over a connection of its own.
        """
        store = self._context.store
        jobs = await run_to_end(_all_jobs, store.path.parent)
        return store.jobs.all()[::-1] if jobs is None else jobs  # the file may just have been taken away

    async def older_jobs(self, than: JobId | None, limit: int) -> list[Job]:
        """Return the newest jobs, newest first; with `than`, the newest of those taken before that job."""
        return self._context.store.jobs.older(than, limit)

    async def day_costs(self) -> DayCosts:
        """Return what each day cost beside EMT; read as the history is."""
        store = self._context.store
        costs = await run_to_end(_day_costs, store.path.parent)
        return costs_by_day(store.journal.all(), store.energy.all()) if costs is None else costs

    async def transactions(self, limit: int) -> list[JournaledTransaction]:
        """Return the newest transactions, newest first."""
        return self._context.store.journal.recent(limit)

    async def series(self, span: Span, points: int) -> Series:
        """Return what the devices did over a span, at most so many values of each kind."""
        return self._series.newest(span, points)

    async def chain_record(self, job_id: JobId) -> ChainJob | None:
        """Read a job from the chain. Raise ChainUnreachable."""
        return (await self._context.chain.jobs([job_id])).get(job_id)

    async def network(self) -> Overview:
        """Return the network's terms, and who earned what on which day. Raise NetworkError."""
        return await self._network.read(self._context.chain)

    async def requests(self) -> list[FollowedJob]:
        """Return the jobs that this account requested, newest first, as the chain has them.

        Raise NetworkError.
        """
        newest = self._context.store.requests.all()[::-1][:MOST_REQUESTS]
        return await follow(self._context.chain, newest) if newest else []

    async def settings(self) -> SettingsView:
        """Return every setting in effect. Raise SettingsError when the file can no longer be read."""
        return self._settings_editor.view()

    async def logs(self) -> list[Path]:
        """Return the log files, the node's first."""
        directory = self._context.settings.state_dir / "logs"
        return sorted(directory.glob("*.log"), key=lambda path: (path.name != "node.log", path.name))

    async def log_tail(self, path: Path, max_bytes: int = 64_000) -> list[str]:
        """Return the last lines of a log file; none if it is gone or unreadable."""
        return await asyncio.to_thread(log_files.tail, path, max_bytes)

    async def log_search(self, path: Path, words: Sequence[str], limit: int) -> list[str]:
        """Return the newest lines that hold all words, also of what was rotated away, oldest first."""
        return await asyncio.to_thread(log_files.search, path, words, limit)


def _all_jobs(state_dir: Path) -> list[Job] | None:
    """Read all jobs from the database, newest first; None where there is none."""
    with read_store(state_dir) as store:
        return None if store is None else store.jobs.all()[::-1]


def _day_costs(state_dir: Path) -> DayCosts | None:
    """Add up from the database what days cost; None where there is none."""
    with read_store(state_dir) as store:
        return None if store is None else costs_by_day(store.journal.all(), store.energy.all())
