"""The JobFiles of workers on a host: the node's own directories, and the way between them and the host's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path

import anyio

from emeth_tui.errors import DeviceFailed
from emeth_tui.hosts.messages import Bring, Moved, Put
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.reasons import TransferFailed
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.host import TransferBroke
from emeth_tui.words.sentences import english
from emeth_tui.workers.job_files import FilesUsage, JobFiles

LONGEST_SHARE = 0.05  # of the time since the last checkpoint came home, for the transfer of the next
LAST_LIMIT_S = 4.0  # for a checkpoint when its training stops: the node may be leaving
LimitBytes = Callable[[JobId], int]  # the most that a job's file from a host may have
log = logging.getLogger(__name__)


class FarJobFiles:
    """Files of jobs that train on a host. What the node holds is at home in its own directories."""

    def __init__(
        self, home: JobFiles, connection: HostConnection, limit_bytes: LimitBytes, carrier: Carrier
    ) -> None:
        self._carrier = carrier
        self._home = home
        self._connection = connection
        self._limit_bytes = limit_bytes

    @property
    def host(self) -> str:
        """The host's name."""
        return self._connection.name

    @property
    def root(self) -> Path:
        """The directory on the node's disk that holds the jobs'."""
        return self._home.root

    def directory(self, job_id: JobId) -> Path:
        """Return a job's directory on the node's disk."""
        return self._home.directory(job_id)

    async def put_dataset(self, job_id: JobId) -> None:
        """Send the dataset, unless the host has this content.

        Raise JobFileMissing when the node does not have it, DeviceFailed when the host does not take it.
        """
        await self._home.put_dataset(job_id)
        await self._move(partial(_put, job_id, "dataset"))

    async def put_checkpoint(self, job_id: JobId) -> None:
        """Send the newest checkpoint, unless the host has gone on from it. Raise DeviceFailed."""
        await self._move(partial(_put, job_id, "checkpoint"))

    async def put_average(self, job_id: JobId) -> None:
        """Send the difference that leads to the newest average. Raise as `put_dataset` does."""
        await self._home.put_average(job_id)
        await self._move(partial(_put, job_id, "average"))

    async def bring_checkpoint(self, job_id: JobId) -> None:
        """Fetch what has been kept, if that is quick: the rest stays on the host until the job goes on."""
        if not self._connection.joined.is_set():
            return
        with anyio.move_on_after(LAST_LIMIT_S, shield=True):
            try:
                await self._connection.move(partial(_bring, job_id, "checkpoint", self._limit_bytes(job_id)))
            except TransferFailed as error:
                log.warning("job %s: its checkpoint did not come home: %s", job_id, english(error.reason))

    async def bring_result(self, job_id: JobId) -> Path:
        """Fetch the result, before any checkpoint. Raise DeviceFailed, also when the host has lost it."""
        self._carrier.drop(job_id)
        await self._move(partial(_bring, job_id, "result", self._limit_bytes(job_id)))
        return await self._home.bring_result(job_id)

    def listing(self, job_id: JobId) -> list[tuple[str, int]]:
        """List a job's files at home by name, with their bytes."""
        return self._home.listing(job_id)

    def usage(self) -> FilesUsage:
        """Measure every job's files at home."""
        return self._home.usage()

    def keep_only(self, job_id: JobId, names: Iterable[str]) -> None:
        """Delete a job's files at home but those named."""
        self._home.keep_only(job_id, names)

    def delete(self, job_id: JobId) -> None:
        """Delete a job's files at home; the host's go when it hears that the job is over."""
        self._home.delete(job_id)

    def delete_where(self, unwanted: Callable[[JobId], bool]) -> None:
        """Delete the files at home of every job that is unwanted."""
        self._home.delete_where(unwanted)

    async def _move(self, make: Callable[[int], Put | Bring]) -> Moved:
        try:
            return await self._connection.move(make)
        except TransferFailed as error:  # also of a file that is missing there: the node's own are checked
            raise DeviceFailed(TransferBroke(self._connection.name, error.reason)) from error


class Carrier:
    """Brings checkpoints home while a job trains, one at a time, as often as the transfer's cost allows.

    They come from where the job trains now: what a host it has left still had to send is given up.
    """

    def __init__(self, limit_bytes: LimitBytes) -> None:
        self._limit_bytes = limit_bytes
        self._moving: dict[JobId, asyncio.Task[None]] = {}
        self._newer: set[JobId] = set()
        self._trains_at: dict[JobId, HostConnection] = {}  # where its newest checkpoint was kept
        self.home_at: dict[
            JobId, float
        ] = {}  # when a job's checkpoint last came home, by the monotonic clock

    def kept(self, connection: HostConnection, job_id: JobId) -> None:
        """Bring a job's newest checkpoint home now, or when that is due."""
        if self._trains_at.get(job_id) is not connection:
            self.drop(job_id)
            self._trains_at[job_id] = connection
        self._newer.add(job_id)
        if job_id not in self._moving:
            task = asyncio.create_task(self._bring(connection, job_id))
            self._moving[job_id] = task
            task.add_done_callback(partial(self._over, job_id))

    def keep_only(self, jobs: Collection[JobId]) -> None:
        """Bring nothing more of other jobs: they are not trained any more where they were."""
        for job_id in self._trains_at.keys() - set(jobs):
            self.drop(job_id)
            del self._trains_at[job_id]
        self.home_at = {job_id: at_s for job_id, at_s in self.home_at.items() if job_id in jobs}

    def drop(self, job_id: JobId) -> None:
        """Bring nothing more of a job, nor the checkpoint that is on its way."""
        self._newer.discard(job_id)
        if (moving := self._moving.pop(job_id, None)) is not None:
            moving.cancel()

    def close(self) -> None:
        """Bring nothing more."""
        for task in self._moving.values():
            task.cancel()

    def _over(self, job_id: JobId, task: asyncio.Task[None]) -> None:
        if self._moving.get(job_id) is task:
            del self._moving[job_id]

    async def _bring(self, connection: HostConnection, job_id: JobId) -> None:
        while job_id in self._newer:
            self._newer.discard(job_id)
            try:
                moved = await connection.move(
                    partial(_bring, job_id, "checkpoint", self._limit_bytes(job_id))
                )
            except TransferFailed as error:
                log.warning("job %s: its checkpoint did not come home: %s", job_id, english(error.reason))
                await anyio.sleep(LAST_LIMIT_S)
                continue
            self.home_at[job_id] = time.monotonic()
            await anyio.sleep(moved.seconds / LONGEST_SHARE)


def epochs_kept(directory: Path) -> int:
    """Return the whole epochs of the newest checkpoint in a job's directory; 0 without one."""
    names = (path.name for path in (directory / "checkpoints").glob("epoch-*-block-*.pt"))
    return max((int(name.split("-")[1]) for name in names if name.split("-")[1].isdecimal()), default=0)


def _put(job_id: JobId, what: str, request: int) -> Put:
    return Put(request, job_id, what)


def _bring(job_id: JobId, what: str, limit_bytes: int, request: int) -> Bring:
    return Bring(request, job_id, what, limit_bytes)
