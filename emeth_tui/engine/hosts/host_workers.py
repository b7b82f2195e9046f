"""The hosts that there are: their connections, their devices as workers, and what becomes of their jobs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio

from emeth_tui.engine.context import Context
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.hosts.readiness import Readiness
from emeth_tui.engine.hosts.view import HostJob, HostView, VersionDiffers
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.market.policy import rules_for
from emeth_tui.errors import HostError
from emeth_tui.hardening import child_environment
from emeth_tui.hosts.keeper.server import installed_versions
from emeth_tui.hosts.messages import Bring, FarDevice, Moved, Put, Stock, Versions
from emeth_tui.hosts.node.book import Host, book_path, drain, read_book
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.files import Carrier, FarJobFiles, epochs_kept
from emeth_tui.hosts.node.links import Links, Way, way_to
from emeth_tui.hosts.node.remote import RemoteLink
from emeth_tui.hosts.versions import differences
from emeth_tui.job import Job
from emeth_tui.model import Asker, JobId, WorkerPhase
from emeth_tui.notices.events import host as events
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.host import HostSilent, NotReachedYet
from emeth_tui.store.measurements import Quantity
from emeth_tui.workers.link import OnEnd, WorkerConfig, WorkerLink
from emeth_tui.workers.supervisor import FarDevicePlace, Worker, WorkerPool

if TYPE_CHECKING:
    from emeth_tui.engine.steps.job_tasks import JobTasks

SAID_AFTER_S = 15.0  # a line that is made anew at once is no news
MOVE_AFTER_S = 60.0  # whatever the deadline says: to begin anew costs as much
REMOVE_GRACE_S = 5.0
ASK_EVERY_S = 5.0  # what a host has for jobs
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _OpenHost:
    """A host at work: its entry in the file, its connection, its workers, and what is being done about it."""

    entry: Host
    way: Way
    connection: HostConnection
    files: FarJobFiles
    readiness: Readiness
    running: asyncio.Task[None]
    care: asyncio.Task[None] | None = None
    joins_seen: int = 0
    away_said: bool = False
    away_since_s: float = 0.0
    versions: Versions | None = None  # there, when they were compared last
    asked_at_s: float = 0.0
    stock_seen: Stock | None = None
    workers: dict[str, Worker] = field(default_factory=dict)  # by the device's name there
    differs: tuple[VersionDiffers, ...] = ()


class HostWorkers:
    """All hosts of the file, each on its own: one that is away keeps nothing else from working."""

    def __init__(self, context: Context, pool: WorkerPool, leases: WorkerLeases, ssh_agent: str) -> None:
        self._context = context
        self._pool = pool
        self._leases = leases
        settings = context.settings
        self._links = Links(settings.state_dir, settings.jobs_dir, child_environment(), ssh_agent)
        self._hosts: dict[str, _OpenHost] = {}
        self._carrier = Carrier(self._limit_bytes)
        self._file_status: tuple[int, int] | None = None
        self._wanted: dict[str, tuple[Host, Way]] = {}  # what the file says, by name
        self._jobs_known: frozenset[JobId] = frozenset()

    @property
    def views(self) -> tuple[HostView, ...]:
        """The hosts as a front end shows them."""
        return tuple(self._view(host) for host in self._hosts.values())

    async def look(self, tasks: JobTasks) -> None:
        """Follow the file and the connections, and move jobs that cannot wait any longer.

        What takes time goes on beside: a host that is slow to leave delays no other.
        """
        self._follow_file()
        jobs = frozenset(self._jobs_with_files())
        for host in list(self._hosts.values()):
            self._show(host)
            self._take_stock(host)
            if jobs != self._jobs_known:
                host.connection.tidy()
            self._take_care(host, tasks)
        self._jobs_known = jobs
        self._carrier.keep_only([job_id for job_id in map(self._leases.part_on, self._far_workers) if job_id])

    def _take_care(self, host: _OpenHost, tasks: JobTasks) -> None:
        """Go on with a host, unless the last time is not over."""
        if host.care is not None:
            if not host.care.done():
                return
            host.care.result()  # an internal error is the node's to log
        host.care = asyncio.create_task(self._care(host, tasks), name=f"care for host {host.entry.name}")

    async def _care(self, host: _OpenHost, tasks: JobTasks) -> None:
        wanted = self._wanted.get(host.entry.name)
        if wanted is None or wanted[1] != host.way:
            await self._remove(host, tasks)
            return
        if host.connection.joins != host.joins_seen:
            await self._joined(host, tasks)
        await self._move_late_jobs(host, tasks)

    @property
    def _far_workers(self) -> list[Worker]:
        return [worker for host in self._hosts.values() for worker in host.workers.values()]

    async def until_at_work(self, names: Collection[str]) -> None:
        """Return when these hosts' workers may be given jobs."""
        awaited = [host for name, host in self._hosts.items() if name in names]
        for host in awaited:
            await host.connection.joined.wait()
            self._add_devices(host)
        while not all(worker.usable for host in awaited for worker in host.workers.values()):  # noqa: ASYNC110 - a device may fail as well
            await anyio.sleep(0.1)

    async def drain(self, name: str, draining: bool, by: Asker) -> None:
        """Have a host take no new jobs, or take them again, as its file says from now on. Raise HostError."""
        await asyncio.to_thread(drain, self._context.settings.state_dir, name, draining)
        self._follow_file()
        said = events.HostDrains if draining else events.HostTakesJobs
        self._context.events.publish(said(name, by))

    async def close(self) -> None:
        """End the connections; the keepers go on by themselves."""
        self._carrier.close()
        for host in self._hosts.values():
            if host.care is not None:
                await _cancelled(host.care)
            await _cancelled(host.running)
        await self._links.close()

    # -- the file

    def _follow_file(self) -> None:
        """Open hosts that are new in the file; what is not there any more is removed by its next care."""
        path = book_path(self._context.settings.state_dir)
        try:
            status = path.stat()
            changed = (status.st_mtime_ns, status.st_ino)
        except OSError:
            changed = (0, 0)
        if changed != self._file_status:
            self._file_status = changed
            self._read_file()
        for name, (entry, way) in self._wanted.items():
            if name not in self._hosts:
                self._open(entry, way)
            elif self._hosts[name].way == way:
                self._change(self._hosts[name], entry)

    def _change(self, host: _OpenHost, entry: Host) -> None:
        """Take up what is new about a host that stays where it is."""
        before, host.entry = host.entry, entry
        if before.tls != entry.tls:
            host.connection.relink()  # its old certificate counts no more
        for worker in host.workers.values():
            self._drain_as_wanted(host, worker)

    def _drain_as_wanted(self, host: _OpenHost, worker: Worker) -> None:
        if host.entry.draining:
            self._leases.drain(worker)
        else:
            self._leases.undrain(worker)

    def _read_file(self) -> None:
        try:
            book = read_book(self._context.settings.state_dir)
        except HostError as error:
            self._context.events.publish(events.HostsNotRead(error.reason))
        else:
            self._wanted = {entry.name: (entry, way_to(entry, book.node)) for entry in book.hosts}

    def _open(self, entry: Host, way: Way) -> None:
        name = entry.name
        # Not what the file says: a host that leaves is not in it, and is reached until its jobs are saved.
        open_link = self._links.over(name, way, lambda: self._hosts[name].entry)
        connection = HostConnection(
            name,
            open_link,
            self._jobs_with_files,
            self._checkpoint_kept,
            self._refused_of,
            partial(self._moved, name),
        )
        files = FarJobFiles(self._context.disk.files, connection, self._limit_bytes, self._carrier)
        running = asyncio.create_task(connection.run(), name=f"host {name}")
        readiness = Readiness(name, lambda: connection.stock, lambda: self._reserved_on(name))
        self._hosts[name] = _OpenHost(entry, way, connection, files, readiness, running)

    async def _remove(self, host: _OpenHost, tasks: JobTasks) -> None:
        for worker in host.workers.values():
            self._leases.drain(worker, for_good=True)  # no job moves from one device to the next
        for device in list(host.workers):
            await self._remove_worker(host, device, tasks)
        host.connection.tidy()
        del self._hosts[host.entry.name]
        await _cancelled(host.running)
        self._context.events.publish(events.HostRemoved(host.entry.name))

    # -- connections

    async def _joined(self, host: _OpenHost, tasks: JobTasks) -> None:
        hello = host.connection.hello
        assert hello is not None  # noqa: S101 - it has joined
        first = host.joins_seen == 0
        host.joins_seen = host.connection.joins
        for device in set(host.workers) - {device.name for device in hello.devices}:
            await self._remove_worker(host, device, tasks)
        self._add_devices(host)
        if first:
            devices = ", ".join(device.name for device in hello.devices)
            self._context.events.publish(events.HostJoined(host.entry.name, devices))
        if hello.versions != host.versions:  # the first time, and when it has been upgraded
            host.versions = hello.versions
            self._compare(host, hello.versions)

    def _add_devices(self, host: _OpenHost) -> None:
        for device in host.connection.hello.devices if host.connection.hello else ():
            if device.name not in host.workers:
                host.workers[device.name] = self._add_worker(host, device)

    def _add_worker(self, host: _OpenHost, device: FarDevice) -> Worker:
        def open_link(_config: WorkerConfig, on_end: OnEnd) -> WorkerLink:
            return RemoteLink(host.connection, device.name, on_end)

        worker = self._pool.add(device.name, FarDevicePlace(host.entry.name, device.threads, open_link))
        self._context.far.add(worker, host.files, host.readiness)
        if host.entry.draining:
            self._leases.drain(worker)
        self._leases.add(worker)
        return worker

    async def _remove_worker(self, host: _OpenHost, device: str, tasks: JobTasks) -> None:
        worker = host.workers.pop(device)
        job_id = self._leases.remove(worker)
        if job_id is not None and await tasks.cancel(job_id):
            tasks.start(job_id)
        await self._pool.remove(worker, REMOVE_GRACE_S)
        self._context.far.remove(worker)

    def _take_stock(self, host: _OpenHost) -> None:
        """Ask what a host has for jobs, and report what it came to have or to lack of the models."""
        connection, now = host.connection, time.monotonic()
        if connection.joined.is_set() and (connection.stock is None or now - host.asked_at_s >= ASK_EVERY_S):
            host.asked_at_s = now
            connection.ask(self._context.models.wanted)
        if (stock := connection.stock) is None or stock is host.stock_seen:
            return
        host.stock_seen = stock
        for report in host.readiness.model_reports(stock, self._context.models.wanted):
            self._context.events.publish(report)
        self._leases.look_again()  # jobs may wait for what it has now

    def _reserved_on(self, name: str) -> dict[JobId, int]:
        """Return what the jobs at a host's devices may take of its disk."""
        workers = self._hosts[name].workers.values() if name in self._hosts else ()
        parts = [part for worker in workers for part in self._leases.placed_on(worker)]
        limits = self._limits_bytes()
        return {part: limits.get(part, 0) for part in parts}

    def _compare(self, host: _OpenHost, theirs: Versions) -> None:
        host.differs = tuple(VersionDiffers(*each) for each in differences(theirs, installed_versions()))
        for each in host.differs:
            differs = events.HostDiffers(host.entry.name, each.what, each.theirs, each.ours)
            self._context.events.publish(differs)

    def _show(self, host: _OpenHost) -> None:
        """Show workers of a host that is away as such, and say it once it has lasted a while."""
        connection, name = host.connection, host.entry.name
        reason = connection.away_because
        away_s = connection.away_s
        for worker in host.workers.values():
            worker.away = HostSilent(name, round(away_s), reason) if reason is not None else None
        if reason is None:
            if host.away_said:
                host.away_said = False
                lasted_s = round(time.monotonic() - host.away_since_s)
                self._context.events.publish(events.HostBack(name, lasted_s))
            return
        if away_s >= SAID_AFTER_S and not host.away_said and not isinstance(reason, NotReachedYet):
            host.away_said, host.away_since_s = True, time.monotonic() - away_s
            self._context.events.publish(events.HostAway(name, reason))

    # -- jobs

    async def _move_late_jobs(self, host: _OpenHost, tasks: JobTasks) -> None:
        """Have jobs go on elsewhere that would miss their deadline if they waited for their host.

        So does one that is shared out whose other members have nothing left to do.
        """
        away_s = host.connection.away_s
        if away_s < MOVE_AFTER_S:
            return
        for worker in host.workers.values():
            job_id = self._leases.job_on(worker)
            if job_id is None:
                continue
            job = self._context.book.get(job_id)
            if not (self._able_to_take(job) or len(self._leases.members_of(job_id)) > 1):
                continue  # nobody else can take it; of one that is shared out, another member can
            if self._cannot_wait(job, away_s) or self._holds_up_others(job_id):
                moved = events.JobMoved(host.entry.name, round(away_s))
                self._context.events.publish(moved, job_id=job_id)
                if await tasks.cancel(job_id):
                    tasks.start(job_id)

    def _able_to_take(self, job: Job) -> bool:
        return bool(self._context.forecasts.able(self._leases.free, Task.of(job)))

    def _cannot_wait(self, job: Job, away_s: float) -> bool:
        """Whether a job must be begun elsewhere now: what the node's checkpoint lacks takes so long."""
        left_s = self._context.deadline_left_s(job) - rules_for(self._context, job).safety_margin_s
        kept = epochs_kept(self._context.disk.files.directory(job.job_id))
        return cannot_wait(away_s, left_s, self._context.forecasts.begun_elsewhere(job, kept).high_s)

    def _holds_up_others(self, job_id: JobId) -> bool:
        there = [worker for worker in self._leases.members_of(job_id) if worker.away is None]
        return bool(there) and all(worker.view.phase is WorkerPhase.AVERAGING for worker in there)

    def _checkpoint_kept(self, connection: HostConnection, job_id: JobId) -> None:
        self._carrier.kept(connection, job_id)

    def _moved(self, name: str, request: Put | Bring, moved: Moved) -> None:
        quantity = Quantity.SENDING if isinstance(request, Put) else Quantity.FETCHING
        self._context.forecasts.moved(name, quantity, moved.moved_bytes, moved.seconds)

    def _refused_of(self, connection: HostConnection, reason: Reason) -> None:
        self._context.events.publish(events.HostRefused(connection.name, reason))

    def _jobs_with_files(self) -> list[JobId]:
        """Return the jobs whose files hosts keep, or the parts of one: those that have files at home."""
        jobs = self._context.book.open_jobs()
        return [part for job in jobs if not job.is_set_aside for part in job.part_ids]

    def _limit_bytes(self, job_id: JobId) -> int:
        return self._limits_bytes().get(job_id, 0)

    def _limits_bytes(self) -> dict[JobId, int]:
        """Return the disk space reserved for each open job, or for each part of one."""
        jobs = self._context.book.open_jobs()
        return {part: job.reserved_bytes // job.parts for job in jobs for part in job.part_ids}

    def _view(self, host: _OpenHost) -> HostView:
        connection, hello = host.connection, host.connection.hello
        versions = hello.versions if hello else None
        return HostView(
            name=host.entry.name,
            destination=host.entry.destination,
            joined=connection.joined.is_set(),
            draining=host.entry.draining,
            away_s=connection.away_s,
            reason=connection.away_because,
            devices=tuple(device.name for device in hello.devices) if hello else (),
            version=versions.emeth_tui if versions else "",
            python=versions.python if versions else "",
            torch=versions.torch if versions else "",
            free_bytes=_free_bytes(connection),
            lacks=host.readiness.lack,
            transport="tls" if host.entry.tls is not None else "ssh",
            joined_s=connection.joined_s,
            differs=host.differs,
            jobs=tuple(self._jobs_on(host)),
            traffic=connection.traffic,
        )

    def _jobs_on(self, host: _OpenHost) -> Iterator[HostJob]:
        now_s = time.monotonic()
        for device, worker in host.workers.items():
            if (job_id := self._leases.part_on(worker)) is not None:
                home_at_s = self._carrier.home_at.get(job_id)
                yield HostJob(job_id, device, None if home_at_s is None else now_s - home_at_s)


def cannot_wait(away_s: float, left_s: float, elsewhere_s: float) -> bool:
    """Whether a job must leave a host that has been away so long.

    `left_s` is left until its deadline less the safety margin, and `elsewhere_s` is what the rest of it takes
    at the long end where it would go.
    """
    return away_s >= MOVE_AFTER_S and left_s <= elsewhere_s


def _free_bytes(connection: HostConnection) -> int | None:
    said = connection.stock or connection.hello
    return None if said is None else said.free_bytes


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
