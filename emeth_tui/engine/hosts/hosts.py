"""The hosts of a running node, opened and closed as their file says; without one nothing is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from emeth_tui.engine.context import Context
from emeth_tui.engine.hosts.far_places import host_of
from emeth_tui.engine.hosts.view import HostView
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.steps.job_tasks import JobTasks
from emeth_tui.errors import HostError
from emeth_tui.model import Asker
from emeth_tui.notices.events.host import HostsLeftOut
from emeth_tui.notices.reasons.network.host import HostUnknown
from emeth_tui.workers.supervisor import WorkerPool

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.host_workers import HostWorkers

LOOK_EVERY_S = 1.0
START_LIMIT_S = 30.0  # for hosts that have a job under way, before it is begun elsewhere
_FILE_NAME = "hosts.json"  # as `hosts.book` names it, which is not loaded for it


class Hosts:
    """Looks after the hosts. `look` is called every second."""

    def __init__(self, context: Context, pool: WorkerPool, leases: WorkerLeases, ssh_agent: str = "") -> None:
        """`ssh_agent` is the socket of the agent that ssh may ask; no other child learns it."""
        self._context = context
        self._pool = pool
        self._leases = leases
        self._ssh_agent = ssh_agent
        self._workers: HostWorkers | None = None
        self._left_out = False

    @property
    def views(self) -> tuple[HostView, ...]:
        """The hosts as a front end shows them."""
        return () if self._workers is None else self._workers.views

    async def drain(self, name: str, draining: bool, by: Asker) -> None:
        """Have a host take no new jobs, or take them again. Raise HostError when there is none."""
        if self._workers is None:
            raise HostError(HostUnknown(name))
        await self._workers.drain(name, draining, by)

    async def look(self, tasks: JobTasks) -> None:
        """Follow the file, show who is away, and move jobs that cannot wait for their host any longer."""
        if self._workers is None:
            if not (self._context.settings.state_dir / _FILE_NAME).exists():
                return
            if self._context.network.verification == "replay":  # whose states would stay with the host
                self._leave_out()
                return
            from emeth_tui.engine.hosts.host_workers import HostWorkers

            self._workers = HostWorkers(self._context, self._pool, self._leases, self._ssh_agent)
        await self._workers.look(tasks)

    def _leave_out(self) -> None:
        if not self._left_out:
            self._left_out = True
            self._context.events.publish(HostsLeftOut(self._context.network.name))

    async def open(self, tasks: JobTasks) -> None:
        """Wait a while for the hosts that have a job under way: they hold more of it than the node."""
        files = self._context.disk.files
        awaited = {host_of(files.directory(job.job_id)) for job in self._context.book.training_jobs()} - {""}
        await self.look(tasks)
        if self._workers is not None and awaited:
            with anyio.move_on_after(START_LIMIT_S):
                await self._workers.until_at_work(awaited)

    async def close(self) -> None:
        """Leave the hosts: what trains there has saved and stopped, where it could be reached."""
        if self._workers is not None:
            await self._workers.close()
