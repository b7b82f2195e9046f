"""The node's side of one host: its link process, what is known of it, and what waits for it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.frames import BadFrame, FrameReader, FramesEnded, FrameWriter
from emeth_tui.hosts.messages import (
    MAX_MODELS,
    Ask,
    Away,
    Bring,
    Cancel,
    Carried,
    FromLink,
    Joined,
    KeeperHello,
    Kill,
    Known,
    Moved,
    Put,
    Refused,
    Stock,
    Turned,
)
from emeth_tui.hosts.node.remote import RemoteLink
from emeth_tui.hosts.node.restarting import keep_running
from emeth_tui.hosts.node.traffic import Traffic, TrafficMeter
from emeth_tui.hosts.reasons import TransferFailed, read_reason
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.host import HostRulesBroken, LinkEnded, NotReachedYet

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OpenLink = Callable[[], AbstractAsyncContextManager[Streams]]  # entering it may raise OSError or LinkFailed
OnMoved = Callable[[Put | Bring, Moved], None]
log = logging.getLogger(__name__)


def _unheard(_request: Put | Bring, _moved: Moved) -> None:
    """Do nothing."""


class LinkFailed(Reasoned):
    """A link does not start, or not with what it has to say then."""


@dataclass(frozen=True, slots=True)
class _Absence:
    reason: Reason
    since_s: float  # by the monotonic clock


class HostConnection:
    """One host: joined or away. `run` keeps its link; all calls belong on the event loop's thread."""

    def __init__(
        self,
        name: str,
        open_link: OpenLink,
        jobs: Callable[[], Collection[JobId]],
        on_checkpoint: Callable[[HostConnection, JobId], None],
        on_refusal: Callable[[HostConnection, Reason], None],
        on_moved: OnMoved = _unheard,
    ) -> None:
        """`open_link` starts or reaches the link process. `jobs` lists those that are not over.

        `on_checkpoint` hears of each newer checkpoint there, `on_refusal` of what was refused, and `on_moved`
        of each file that was moved.
        """
        self.name = name
        self.joined = asyncio.Event()
        self.joins = 0
        self.hello: KeeperHello | None = None
        self.stock: Stock | None = None  # as the host said last, since it joined
        self._open_link = open_link
        self._jobs = jobs
        self._on_checkpoint = on_checkpoint
        self._on_refusal = on_refusal
        self._on_moved = on_moved
        self._absence: _Absence | None = _Absence(NotReachedYet(), time.monotonic())
        self._joined_at_s = 0.0  # by the monotonic clock
        self._links: dict[str, RemoteLink] = {}
        self._writer: FrameWriter | None = None
        self._outdated = False  # the link was opened by what has changed since
        self._numbers = itertools.count(1)
        self._requests: dict[int, tuple[Put | Bring, asyncio.Future[Moved]]] = {}
        self._meter = TrafficMeter()

    @property
    def away_s(self) -> float:
        """For how long the host has been away; 0 while it is joined."""
        return 0.0 if self._absence is None else time.monotonic() - self._absence.since_s

    @property
    def joined_s(self) -> float:
        """For how long the host has been joined; 0 while it is away."""
        return 0.0 if self._absence is not None else time.monotonic() - self._joined_at_s

    @property
    def traffic(self) -> Traffic:
        """The files that went out and came home since the node started."""
        return self._meter.reading(moving=bool(self._requests))

    @property
    def away_because(self) -> Reason | None:
        """Why the host is away; None while it is joined."""
        return None if self._absence is None else self._absence.reason

    async def run(self) -> None:
        """Keep a link until this is cancelled."""
        try:
            await keep_running(self._run_link_once, f"the link to host {self.name}")
        finally:
            self.joined.clear()
            for _request, future in self._requests.values():
                future.cancel()

    async def move(self, make: Callable[[int], Put | Bring]) -> Moved:
        """Have the link move a file, however often the line drops. Raise TransferFailed."""
        request = make(next(self._numbers))
        future: asyncio.Future[Moved] = asyncio.get_running_loop().create_future()
        self._requests[request.request] = request, future
        self.send(request)
        try:
            moved = await future
            self._on_moved(request, moved)
            return moved
        finally:
            del self._requests[request.request]
            if not future.done() or future.cancelled():
                self.send(Cancel(request.request))

    def tidy(self) -> None:
        """Have the host forget what the node does not need any more."""
        if self.joined.is_set():
            self.send(Known(tuple(self._links), tuple(self._jobs())))

    def ask(self, models: Iterable[str]) -> None:
        """Have the host say what it has for jobs, and make models ready; `stock` is the answer."""
        self.send(Ask(tuple(models)[:MAX_MODELS]))

    def relink(self) -> None:
        """Reach the host anew: how it is reached has changed."""
        self._outdated = True
        if self._writer is not None:
            self._writer.close()

    # -- what links call

    def send(self, message: object) -> None:
        """Send to the link process; without one it is lost."""
        if self._writer is not None:
            self._writer.send(message)

    def attach(self, link: RemoteLink) -> None:
        """Subscribe a link to what concerns its attempt."""
        self._links[link.attempt] = link

    def detach(self, link: RemoteLink) -> None:
        """Have the host forget an attempt."""
        if self._links.pop(link.attempt, None) is not None:
            self.send(Kill(link.attempt))

    def checkpoint_kept(self, job_id: JobId) -> None:
        """Hear that a job has a newer checkpoint on the host."""
        self._on_checkpoint(self, job_id)

    # -- the link process

    async def _run_link_once(self) -> None:
        try:
            await self._run_link()
        except LinkFailed as error:
            self._gone(error.reason)
        except OSError as error:
            self._gone(Foreign(one_line(error)))
        except Exception:  # the top of a task: a host without it would be away for good, and nobody knew why
            log.exception("the link to host %s: internal error", self.name)

    async def _run_link(self) -> None:
        self._outdated = False
        async with self._open_link() as (reader, stream):
            if self._outdated:
                return
            self._writer = FrameWriter(stream)
            for request, _future in self._requests.values():
                self.send(request)
            try:
                await self._read(FrameReader(reader, FromLink))
            finally:
                self._writer = None
                self._gone(LinkEnded())

    async def _read(self, frames: FrameReader[FromLink]) -> None:
        try:
            while True:
                self._take(await frames.read())
        except FramesEnded:
            pass
        except BadFrame as error:
            log.error("the link to host %s broke the rules: %s", self.name, error)
            self._gone(HostRulesBroken(error.reason))

    def _take(self, message: FromLink) -> None:
        match message:
            case Joined(hello):
                self._join(hello)
            case Away(reason):
                self._gone(read_reason(reason))
            case Stock():
                self.stock = message
            case Turned(reason):
                self._on_refusal(self, read_reason(reason))
            case Moved(request):
                if (waiting := self._requests.get(request)) is not None and not waiting[1].done():
                    waiting[1].set_result(message)
            case Carried(out_bytes, home_bytes, seconds):
                self._meter.count(out_bytes, home_bytes, seconds)
            case Refused(request, reason):
                if (waiting := self._requests.get(request)) is not None and not waiting[1].done():
                    waiting[1].set_exception(TransferFailed(read_reason(reason)))
            case _:
                if (link := self._links.get(message.attempt)) is not None:
                    link.take(message)

    def _join(self, hello: KeeperHello) -> None:
        self.hello, self.stock = hello, None
        if self._absence is not None:
            self._joined_at_s = time.monotonic()
        self._absence = None
        self.joins += 1
        self.joined.set()
        self.tidy()
        for link in list(self._links.values()):
            link.rejoin()

    def _gone(self, reason: Reason) -> None:
        self.joined.clear()
        since_s = self._absence.since_s if self._absence else time.monotonic()
        self._absence = _Absence(reason, since_s)
