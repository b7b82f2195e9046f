"""A node in another process, with the interface that the screen uses: everything to view, every command."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emeth_tui.control.connection import Connection, ConnectionBroken, NodeEnded, Refused, connect
from emeth_tui.control.wire import Command, Topic, order_words
from emeth_tui.engine.events import JobProgress, Subscription
from emeth_tui.engine.money.costs import DayCosts
from emeth_tui.engine.requester.orders import Estimate, FetchedModel, Order
from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.engine.settings_editor import SettingChange, SettingsView
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.engine.view.records import JobRecord
from emeth_tui.engine.view.series import Series, Span
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import ControlError
from emeth_tui.job import Job
from emeth_tui.model import AskedAt, JobId, JournaledTransaction, ServiceName
from emeth_tui.network.overview import Overview
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import Summary
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import control as why
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.store.lock import UNKNOWN_PID
from emeth_tui.transport.local_socket import has_socket
from emeth_tui.words.sentences import english

NEWS_KEPT = 1_000  # between two snapshots
RETRY_S = 0.5
GOODBYE_S = 1.0  # to wait for one when nothing can be sent any more
GIVE_UP_S = 30.0  # on a node that is alive and does not answer; it may be starting
REST_S = 0.2  # between two snapshots, however much happens
JOBS_AT_ONCE = 250
OLD_S = 0.9  # a snapshot of this age is replaced, whether anything happened or not


Connector = Callable[[Callable[[Event | JobProgress], None]], AbstractAsyncContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Attachment:
    """The node in another process that a screen is attached to: `since_unix_s` it runs.

    `host` is the machine as it was named, "" for this one.
    """

    pid: int
    since_unix_s: float
    host: str = ""


class RemoteNode:
    """Follows a node over its control socket: keeps its newest snapshot, and publishes news after it."""

    def __init__(
        self,
        connect: Connector,
        holder: Callable[[], int | None],
        host: str = "",
        *,
        has_closed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`connect` makes a connection to the node; `holder` returns its process, None when it is gone.

        `has_closed` returns whether one that is gone has let go of its socket, as a killed one does not.
        """
        self.records = RemoteRecords(self)
        self._connect = connect
        self._holder = holder
        self._has_closed = has_closed
        self._opened: tuple[AsyncExitStack, Connection] | None = None
        self.attached_to = Attachment(UNKNOWN_PID, 0.0, host)
        self._connection: Connection | None = None
        self._snapshot: Snapshot | None = None
        self._taken_at = 0.0
        self._broken_since_unix_s: float | None = None
        self._trouble: Reason | None = None
        self._news: deque[Event | JobProgress] = deque(maxlen=NEWS_KEPT)
        self._wanted = asyncio.Event()
        self._streams: list[Subscription] = []
        self._last_words = ""

    async def open(self, connect: Connector) -> None:
        """Connect now, in another way than later; `run` goes on from there. Raise EmethError."""
        self._opened = await self._open(connect)

    async def close(self) -> None:
        """Close a connection that `run` has not taken over."""
        if self._opened is not None:
            await self._opened[0].aclose()

    async def _open(self, connect: Connector) -> tuple[AsyncExitStack, Connection]:
        stack = AsyncExitStack()
        return stack, await stack.enter_async_context(connect(self._take_news))

    async def run(self, first: asyncio.Future[RemoteNode]) -> str:
        """Follow the node until it ends; return its goodbye, "" if there was none.

        `first` is set when there is a snapshot. Raise ControlError when the node disappears without a
        goodbye, does not answer, or is of another version.
        """
        heard_at = time.monotonic()
        while True:
            holder = self._holder()
            if holder is None and self._has_closed():  # its goodbye was lost with what was being written
                return self._last_words
            if holder is None:
                raise ControlError(why.NodeGone(self.attached_to.pid))
            self.attached_to = replace(self.attached_to, pid=holder or self.attached_to.pid)
            try:
                await self._follow(first)
            except NodeEnded:
                return self._last_words
            except ConnectionBroken as error:
                if self._connection is not None:
                    heard_at = time.monotonic()
                self._connection = None
                self._note_broken(error)
                if time.monotonic() - heard_at > GIVE_UP_S:
                    silent = why.NodeSilent if first.done() else why.NodeNeverAnswered
                    raise ControlError(silent(self.attached_to.pid, error.reason)) from error
            await asyncio.sleep(RETRY_S)

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot, its clock set to now; request a newer one when it is old."""
        if self._snapshot is None:
            raise ControlError(why.NothingShownYet())
        age_s = time.monotonic() - self._taken_at
        if age_s >= OLD_S:
            self._wanted.set()
        services = self._snapshot.services
        if self._broken_since_unix_s is not None:
            services = (*services, ServiceStatus(ServiceName.NODE, self._broken_since_unix_s, self._trouble))
        return replace(self._snapshot, at_unix_s=self._snapshot.at_unix_s + age_s, services=services)

    def subscribe(self) -> Subscription:
        """Return a stream of everything from now on."""
        stream = Subscription(self._streams.remove)
        self._streams.append(stream)
        return stream

    async def ask(self, topic: Topic, **details: Any) -> Any:
        """Ask the node. Raise ControlError."""
        if self._connection is None:
            raise ConnectionBroken(why.ConnectionLost())
        return await self._connection.ask(topic, **details)

    async def _follow(self, first: asyncio.Future[RemoteNode]) -> None:
        stack, connection = self._opened or await self._open(self._connect)
        self._opened = None
        async with stack:
            self._connection, hello, reading = connection, connection.hello, connection.reading
            self.attached_to = replace(self.attached_to, pid=hello.pid, since_unix_s=hello.started_at_unix_s)
            asking = asyncio.create_task(self._keep_asking(connection, first))
            try:
                await asyncio.wait({reading, asking}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():  # perhaps nothing could be sent, and a goodbye is still to be read
                    await asyncio.wait({reading}, timeout=GOODBYE_S)
            finally:
                asking.cancel()
                await asyncio.wait({asking})
            asked = None if asking.cancelled() else asking.exception()
            if reading.done():
                reading.result()
            if asked is not None:
                raise asked

    async def _keep_asking(self, connection: Connection, first: asyncio.Future[RemoteNode]) -> None:
        """Request a snapshot when one is needed, but no more often than the node and the screen can take."""
        await connection.ask("events")
        while True:
            self._wanted.clear()
            try:
                snapshot: Snapshot = await connection.ask("snapshot")
            except Refused as error:
                self._note_broken(error)
                await asyncio.sleep(RETRY_S)
                continue
            self._show(snapshot)
            if not first.done():
                first.set_result(self)
            await asyncio.sleep(REST_S)
            await self._wanted.wait()

    def _show(self, snapshot: Snapshot) -> None:
        """Take over a snapshot, and publish the news received since the last one."""
        self._snapshot = snapshot
        self._taken_at = time.monotonic()
        self._broken_since_unix_s, self._trouble = None, None
        while self._news:
            item = self._news.popleft()
            for stream in self._streams:
                if isinstance(item, Event):
                    stream.offer_event(item)
                else:
                    stream.offer_progress(item)

    def _take_news(self, news: Event | JobProgress) -> None:
        if isinstance(news, Event) and isinstance(news.body, Summary):
            self._last_words = english(news.body)
        self._news.append(news)
        self._wanted.set()

    def _note_broken(self, error: ControlError) -> None:
        self._trouble = error.reason
        if self._broken_since_unix_s is None:
            self._broken_since_unix_s = time.time()

    # -- commands

    async def pause_job(self, job_id: JobId, *, for_s: int | None = None, until: str = "") -> str:
        return str(await self._do("pause_job", job_id=job_id, for_s=for_s, until=until))

    async def resume_job(self, job_id: JobId) -> None:
        await self._do("resume_job", job_id=job_id)

    async def pause_claims(self, *, for_s: int | None = None, until: str = "") -> str:
        return str(await self._do("pause_claims", for_s=for_s, until=until))

    async def resume_claims(self) -> None:
        await self._do("resume_claims")

    async def finish_then_pause(self) -> None:
        await self._do("finish_then_pause")

    async def claim_job(self, job_id: JobId) -> None:
        await self._do("claim_job", job_id=job_id)

    async def decline_job(self, job_id: JobId) -> None:
        await self._do("decline_job", job_id=job_id)

    async def withdraw(self, slots: Collection[int] = ()) -> int:
        return int(await self._do("withdraw", slots=list(slots)))

    async def estimate_request(self, order: Order) -> Estimate:
        estimated: Estimate = await self._do("estimate_request", **order_words(order))
        return estimated

    async def request_job(self, order: Order) -> FollowedJob:
        followed: FollowedJob = await self._do("request_job", **order_words(order))
        return followed

    async def cancel_request(self, job_id: JobId) -> None:
        await self._do("cancel_request", job_id=job_id)

    async def fetch_result(self, job_id: JobId, directory: Path) -> FetchedModel:
        fetched: FetchedModel = await self._do("fetch_result", job_id=job_id, directory=str(directory))
        return fetched

    async def compare_result(self, job_id: JobId, prompts: Sequence[str] = ()) -> dict[str, Any]:
        compared: dict[str, Any] = await self._do("compare_result", job_id=job_id, prompts=list(prompts))
        return compared

    async def change_setting(self, key: str, text: str) -> Sequence[SettingChange]:
        changes: list[SettingChange] = await self._do("change_setting", key=key, text=text)
        return changes

    async def reload_settings(self) -> Sequence[SettingChange]:
        changes: list[SettingChange] = await self._do("reload_settings")
        return changes

    async def drain(self) -> None:
        await self._do("drain")

    async def drain_host(self, name: str, *, undo: bool = False) -> None:
        await self._do("drain_host", name=name, undo=undo)

    async def request_stop(self) -> None:
        await self._do("request_stop")

    async def _do(self, command: Command, **details: Any) -> Any:
        """Give the node a command, once. Raise EmethError."""
        if self._connection is None:
            raise ConnectionBroken(why.ConnectionLost())
        outcome = await self._connection.do(command, **details)
        self._wanted.set()  # a snapshot that shows it
        return outcome


def local_node(directory: Path, holder: Callable[[], int | None]) -> RemoteNode:
    """Return the node whose socket is in `directory`; `holder` reads its process from the state lock."""
    connector = partial(connect, directory, AskedAt.ATTACHED_SCREEN)
    return RemoteNode(connector, holder, has_closed=lambda: not has_socket(directory))


class RemoteRecords:
    """The node's records, requested one by one."""

    def __init__(self, node: RemoteNode) -> None:
        self._node = node

    async def job(self, job_id: JobId) -> JobRecord | None:
        record: JobRecord | None = await self._node.ask("job", job_id=job_id)
        return record

    async def history(self) -> list[Job]:
        """Return all jobs, newest first, asked for in pieces that neither process takes long over."""
        jobs: list[Job] = []
        while True:
            last = jobs[-1].job_id if jobs else ""
            more: list[Job] = await self._node.ask("jobs", job_id=last, limit=JOBS_AT_ONCE)
            jobs += more
            if len(more) < JOBS_AT_ONCE:
                return jobs

    async def day_costs(self) -> DayCosts:
        costs: DayCosts = await self._node.ask("day_costs")
        return costs

    async def transactions(self, limit: int) -> list[JournaledTransaction]:
        transactions: list[JournaledTransaction] = await self._node.ask("transactions", limit=limit)
        return transactions

    async def series(self, span: Span, points: int) -> Series:
        series: Series = await self._node.ask("series", span=span, limit=points)
        return series

    async def chain_record(self, job_id: JobId) -> ChainJob | None:
        record: ChainJob | None = await self._node.ask("chain_record", job_id=job_id)
        return record

    async def network(self) -> Overview:
        seen: Overview = await self._node.ask("network")
        return seen

    async def requests(self) -> list[FollowedJob]:
        followed: list[FollowedJob] = await self._node.ask("requests")
        return followed

    async def settings(self) -> SettingsView:
        view: SettingsView = await self._node.ask("settings")
        return view

    async def logs(self) -> list[Path]:
        return [Path(name) for name in await self._node.ask("logs")]

    async def log_search(self, path: Path, words: Sequence[str], limit: int) -> list[str]:
        lines: list[str] = await self._node.ask("log_search", name=path.name, words=list(words), limit=limit)
        return lines

    async def log_tail(self, path: Path, max_bytes: int = 64_000) -> list[str]:
        lines: list[str] = await self._node.ask("log_tail", name=path.name, max_bytes=max_bytes)
        return lines
