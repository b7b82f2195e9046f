"""A worker on another machine, as the node drives it: a WorkerLink that outlives broken connections.

What the node said and the keeper has not taken is said again on a new connection, and so is what the worker
said and the node has not acted on; the numbers in the lines see to it that each is taken once. The limits on
a worker's silence stand still while its host is away.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from typing import Any, Protocol

import anyio

from emeth_tui.hosts.messages import Down, Ended, Heard, Kill, Open, Taken, Up
from emeth_tui.hosts.reasons import read_reason
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.breaches import NobodyWaitsFor
from emeth_tui.notices.reasons.network.host import KeeperEnded
from emeth_tui.notices.reasons.worker import ProcessSilent, RulesBroken
from emeth_tui.training.reports import CheckpointKept, TrainRequest
from emeth_tui.workers.link import NoNews, OnEnd, ProcessDied
from emeth_tui.workers.messages import Ready, ToChild, ToParent
from emeth_tui.workers.wire import BadMessage, Reader, Writer

KILL_WITHIN_S = 10.0
MAX_UNREAD = 10_000  # messages
MAX_UNREAD_BYTES = 32 << 20  # twice what a keeper's outbox holds


class Connection(Protocol):
    """What a remote worker needs of the connection to its host."""

    name: str

    @property
    def joined(self) -> asyncio.Event:
        """Set while the host is reached."""

    @property
    def joins(self) -> int:
        """How often it was reached anew."""

    def send(self, message: object) -> None:
        """Send to the keeper; while the host is away it is lost."""

    def attach(self, link: RemoteLink) -> None:
        """Subscribe a link to what concerns its attempt."""

    def detach(self, link: RemoteLink) -> None:
        """Have the host forget an attempt, at its next connection at the latest."""

    def checkpoint_kept(self, job_id: JobId) -> None:
        """Hear that a job has a newer checkpoint on the host."""


class RemoteLink:
    """The WorkerLink of one attempt."""

    def __init__(self, connection: Connection, device: str, on_end: OnEnd) -> None:
        """Begin an attempt at one of the host's devices, as soon as the host is there."""
        self.attempt = secrets.token_hex(8)
        self._connection = connection
        self._device = device
        self._on_end = on_end
        self._writer = Writer()
        self._reader: Reader[ToParent] = Reader(ToParent)
        self._messages: asyncio.Queue[ToParent | None] = asyncio.Queue()
        self._not_taken: deque[bytes] = deque()
        self._taken = 0
        self._unread_bytes = 0  # since all was read
        self._delivered = self._heard = 0
        self._begun = False
        self._cause: Reason | None = None
        self._over = asyncio.Event()
        self._pid = 0
        self._job_id: JobId | None = None
        connection.attach(self)
        self.rejoin()

    @property
    def pid(self) -> int:
        """The process's id on its host; 0 before it is known."""
        return self._pid

    @property
    def place(self) -> str:
        """The process, by its host and id."""
        return f"process {self._pid} on {self._connection.name}"

    def send(self, message: ToChild) -> None:
        """Send a message; once the worker is gone it is lost, and `receive` says so."""
        if self._over.is_set():
            return
        if isinstance(message, TrainRequest):
            self._job_id = JobId(message.job_id)
        line = self._writer.line(message)
        self._not_taken.append(line)
        self._connection.send(Down(self.attempt, line))

    async def receive(self, limit_s: float = math.inf) -> ToParent:
        """Return the next message; the one before has been acted on.

        Raise ProcessDied after the last one, NoNews when none comes in time while the host is there.
        """
        self._acknowledge()
        message = await self._next(limit_s)
        if message is None:
            self._messages.put_nowait(None)  # for the next call
            raise ProcessDied(self._cause or KeeperEnded())
        self._delivered += 1
        if isinstance(message, Ready):
            self._pid = message.pid
        if isinstance(message, CheckpointKept) and self._job_id is not None:
            self._connection.checkpoint_kept(self._job_id)
        return message

    async def end(self, grace_s: float) -> None:
        """Wait until the worker leaves by itself, then kill it; wait for no host that is away."""
        if self._connection.joined.is_set():
            with anyio.move_on_after(grace_s):
                await self._over.wait()
        await self.kill()

    async def kill(self) -> None:
        """End the worker now, or as soon as its host is back: what it says is dropped from now on."""
        if not self._over.is_set() and self._connection.joined.is_set():
            self._connection.send(Kill(self.attempt))
            with anyio.move_on_after(KILL_WITHIN_S):
                await self._over.wait()
        self._hang_up(KeeperEnded())

    # -- what the connection calls

    def rejoin(self) -> None:
        """Say on a new connection what may have been lost with the last."""
        self._connection.send(Open(self.attempt, self._device, self._begun))
        for line in self._not_taken:
            self._connection.send(Down(self.attempt, line))

    def take(self, message: Taken | Up | Ended) -> None:
        """Take what concerns this attempt."""
        match message:
            case Taken(_, lines):
                self._begun = True
                while self._taken < lines and self._not_taken:
                    self._not_taken.popleft()
                    self._taken += 1
            case Up(_, line):
                self._read(line)
            case Ended(_, reason):
                self._hang_up(read_reason(reason))

    def _read(self, line: bytes) -> None:
        self._unread_bytes = len(line) + (0 if self._messages.empty() else self._unread_bytes)
        try:
            for message in self._reader.take(line.rstrip(b"\n")):
                self._messages.put_nowait(message)
        except BadMessage as error:
            self._refuse(error.reason)
        if self._messages.qsize() > MAX_UNREAD or self._unread_bytes > MAX_UNREAD_BYTES:
            self._refuse(NobodyWaitsFor(self._messages.qsize()))

    def _refuse(self, breach: Reason) -> None:
        """Have nothing to do any more with a process that breaks the rules."""
        self._connection.send(Kill(self.attempt))
        self._hang_up(RulesBroken(self._pid, breach))

    def _acknowledge(self) -> None:
        if self._delivered > self._heard:
            self._heard = self._delivered
            self._connection.send(Heard(self.attempt, self._heard))

    async def _next(self, limit_s: float) -> ToParent | None:
        while True:
            joins = self._connection.joins
            with anyio.move_on_after(limit_s):
                return await self._messages.get()
            if self._connection.joined.is_set() and self._connection.joins == joins:
                raise NoNews(ProcessSilent(limit_s))
            await self._joined_or_over()

    async def _joined_or_over(self) -> None:
        waits = {asyncio.ensure_future(each.wait()) for each in (self._connection.joined, self._over)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _hang_up(self, cause: Any) -> None:
        if self._over.is_set():
            return
        self._cause = cause
        self._over.set()
        self._connection.detach(self)
        self._messages.put_nowait(None)
        self._on_end()
