"""The process that owns a host's workers for one node, and goes on when nobody is connected.

One connection at a time: a new one takes the place of an older, which may hang in a network that is gone. The
keeper ends by itself when it has had neither work nor a connection for a while.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import platform
import shutil
import signal
import time
from collections.abc import Awaitable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import anyio

from emeth_tui import __version__
from emeth_tui.errors import AlreadyRunning
from emeth_tui.hosts import messages
from emeth_tui.hosts.frames import UNSENT_BYTES, BadFrame, FrameReader, FramesEnded, FrameWriter
from emeth_tui.hosts.keeper.attempts import Attempts
from emeth_tui.hosts.keeper.files import Digests, FarEnd, Finishing, delete_files, unwanted_files, used_by_job
from emeth_tui.hosts.keeper.models import KeeperModels
from emeth_tui.hosts.keeper.place import KeeperPlace, Means
from emeth_tui.hosts.logs import log_to_standard_error
from emeth_tui.hosts.messages import KeeperHello, Known, ToKeeper, Versions
from emeth_tui.hosts.no_pickles import refuse_pickles
from emeth_tui.store.lock import take_lock
from emeth_tui.transport.local_socket import listening_socket, remove_socket
from emeth_tui.workers.link import LinkFactory
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.wire import BadMessage

IDLE_END_S = 600.0  # without work and connection
ABANDONED_AFTER_S = 3 * 86_400.0  # without a connection, whatever the work
_LOOK_EVERY_S = 5.0
log = logging.getLogger(__name__)


def installed_versions() -> Versions:
    """Return what this machine trains with; torch is not loaded for it."""
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = ""
    return Versions(__version__, platform.python_version(), torch)


class Keeper:
    """One node's keeper on this host."""

    def __init__(
        self,
        place: KeeperPlace,
        means: Means,
        idle_end_s: float = IDLE_END_S,
        open_link: LinkFactory = LocalProcess,
    ) -> None:
        self._place = place
        self._means = means
        self._models = KeeperModels(place.logs)
        self._taking_stock: asyncio.Task[None] | None = None
        self._idle_end_s = idle_end_s
        self._writer: FrameWriter | None = None
        self._digests: Digests = {}
        self._finishing: Finishing = {}
        self._seen_at = time.monotonic()
        self._tidying: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()
        self._attempts = Attempts(place, means.devices, self._say, self._listening, open_link)

    async def run(self) -> None:
        """Serve relays until there is nothing to keep. Raise OSError when there can be no socket."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end.set)
        listening = listening_socket(self._place.socket_dir)
        server = await asyncio.start_unix_server(self._connected, sock=listening)
        try:
            while not self._end.is_set() and not self._is_idle():
                with anyio.move_on_after(min(_LOOK_EVERY_S, self._idle_end_s)):
                    await self._end.wait()
        finally:
            remove_socket(self._place.socket_dir)
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await self._models.close()
            await self._attempts.stop_all()
        log.info("leaving")

    def _is_idle(self) -> bool:
        if self._writer is not None:
            return False
        limit_s = ABANDONED_AFTER_S if self._attempts.at_work else self._idle_end_s
        return time.monotonic() - self._seen_at >= limit_s

    def _connected(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        # A task of our own: of one of its own that is cancelled, asyncio logs a traceback before Python 3.12.
        self._begin(self._serve(reader, stream))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return task

    async def _serve(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            self._writer.close()
        writer = self._writer = FrameWriter(stream)
        far_end = FarEnd(self._place, writer, self._digests, self._finishing)
        frames: FrameReader[ToKeeper] = FrameReader(reader, ToKeeper)
        free_bytes = shutil.disk_usage(self._place.root).free
        writer.send(KeeperHello(messages.PROTOCOL, installed_versions(), self._means.devices, free_bytes))
        try:
            while True:
                self._handle(await frames.read(), writer, far_end)
        except FramesEnded:
            pass
        except (BadFrame, BadMessage) as error:
            log.error("the connection is closed: %s", error)
        finally:
            far_end.close()
            writer.close()
            if self._writer is writer:
                self._writer = None
            self._seen_at = time.monotonic()

    def _handle(self, message: ToKeeper, writer: FrameWriter, far_end: FarEnd) -> None:
        if writer is not self._writer:
            raise FramesEnded  # a newer connection is there
        match message:
            case Known():
                self._tidy(message)
            case messages.Ask(models):
                self._models.want(models)
                self._take_stock()
            case messages.Open():
                self._attempts.open(message)
            case messages.Down():
                self._attempts.take(message)
            case messages.Heard(attempt, lines):
                self._attempts.heard(attempt, lines)
            case messages.Kill(attempt):
                self._attempts.kill(attempt)
            case messages.Beat():
                writer.send(messages.Beat())
            case _:
                far_end.handle(message)

    def _tidy(self, known: Known) -> None:
        """End what the node does not know any more, then delete what it does not need."""
        # Looked up now: what comes after this message is known, and stays.
        ended = self._attempts.retire_all_but(known.attempts)
        unwanted = unwanted_files(self._place, known.jobs)
        self._tidying = asyncio.create_task(_delete_after(ended, unwanted))

    def _take_stock(self) -> None:
        if self._taking_stock is None or self._taking_stock.done():
            self._taking_stock = self._begin(self._say_stock())

    async def _say_stock(self) -> None:
        try:
            used = await asyncio.to_thread(used_by_job, self._place)
            free_bytes = shutil.disk_usage(self._place.root).free
        except OSError as error:  # the node asks again
            log.error("the disk is not measured: %s", error)
            return
        uses = tuple(messages.JobUse(job, used_bytes) for job, used_bytes in used.items())
        limit_bytes = min(self._means.limit_bytes, messages.MAX_SIZE_BYTES)
        self._say(messages.Stock(free_bytes, limit_bytes, uses[: messages.MAX_JOBS], self._models.states()))

    def _listening(self) -> bool:
        return self._writer is not None and self._writer.unsent_bytes < UNSENT_BYTES

    def _say(self, message: object) -> None:
        if self._writer is not None:
            self._writer.send(message)


async def _delete_after(ended: Awaitable[object], unwanted: Sequence[Path]) -> None:
    await ended
    await asyncio.to_thread(delete_files, unwanted)


def run_keeper(place: KeeperPlace, means: Means, idle_end_s: float = IDLE_END_S) -> bool:
    """Run a keeper until it ends; return False when there is one already. Raise OSError."""
    refuse_pickles()
    place.make()
    try:
        lock = take_lock(place.root)
    except AlreadyRunning:
        return False
    log_to_standard_error(logging.INFO)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    log.info("keeper, process %d, on %s", os.getpid(), ", ".join(device.name for device in means.devices))
    asyncio.run(_keep(place, means, idle_end_s))
    os.close(lock)
    return True


async def _keep(place: KeeperPlace, means: Means, idle_end_s: float) -> None:
    await Keeper(place, means, idle_end_s).run()
