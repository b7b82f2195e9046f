"""A worker on this host: the parent's end of its process, which never blocks the event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
import math
import multiprocessing.util  # noqa: F401 - see the end of this file
import os
import signal
import socket
import threading
import weakref
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import anyio

from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.breaches import LeftUnread, NobodyWaitsFor
from emeth_tui.notices.reasons.worker import (
    NoProcess,
    ProcessHungUp,
    ProcessKilled,
    ProcessLeft,
    ProcessSilent,
    RulesBroken,
)
from emeth_tui.workers import process, spawning
from emeth_tui.workers.link import NoNews, OnEnd, ProcessDied, WorkerConfig
from emeth_tui.workers.messages import ToChild, ToParent
from emeth_tui.workers.wire import BadMessage, Reader, Writer

MAX_UNREAD = 10_000  # messages; an honest worker sends a few a second
MAX_UNSENT_BYTES = 1 << 20
_READ_BYTES = 64 * 1024
_REAP_WITHIN_S = 5.0  # after SIGKILL only the kernel stands between a process and its end
_open_links: weakref.WeakSet[LocalProcess] = weakref.WeakSet()
log = logging.getLogger(__name__)


class LocalProcess:
    """The WorkerLink of a process on this host."""

    def __init__(
        self, config: WorkerConfig, on_end: OnEnd = lambda: None, main: spawning.Main = process.main
    ) -> None:
        """Start a process that runs `main`, or have it forked, for which nobody waits.

        Must run on the event loop's thread: the kernel ends a spawned child with the thread that made it.
        """
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        forked = spawning.is_forked(config, main)
        self._process = spawning.unborn(theirs, config, main, forked)
        self._born = self._doomed = False
        self._loop = asyncio.get_running_loop()
        self._writer = Writer()
        self._unsent = bytearray()
        self._reader: Reader[ToParent] = Reader(ToParent)
        self._messages: asyncio.Queue[ToParent | None] = asyncio.Queue()
        self._refusal: Reason | None = None
        self._stillborn: ForeignText | None = None
        self._hung_up = False
        self._handle: int | None = None
        self._exited = asyncio.Event()
        self._on_end = on_end
        self._loop.add_reader(self._socket.fileno(), self._read)
        _open_links.add(self)
        if forked:
            instead = functools.partial(spawning.unborn, theirs, config, main, forked=False)
            threading.Thread(target=self._fork, args=(theirs, instead), name="birth", daemon=True).start()
        else:
            self._spawn(theirs)

    @property
    def pid(self) -> int:
        """The process's id; 0 before it is born."""
        return self._process.pid or 0 if self._born else 0

    @property
    def place(self) -> str:
        """The process, by its id."""
        return f"process {self.pid}"

    def send(self, message: ToChild) -> None:
        """Send a message; once the process is gone it is lost, and `receive` says so."""
        if self._hung_up:
            return
        self._unsent += self._writer.line(message)
        if len(self._unsent) > MAX_UNSENT_BYTES:
            self._refuse(LeftUnread(len(self._unsent)))
        else:
            self._write()

    async def receive(self, limit_s: float = math.inf) -> ToParent:
        """Return the next message. Raise ProcessDied after the last one, NoNews when none comes in time."""
        try:
            with anyio.fail_after(limit_s):
                message = await self._messages.get()
        except TimeoutError as error:
            raise NoNews(ProcessSilent(limit_s)) from error
        if message is None:
            self._messages.put_nowait(None)  # for the next call
            await self.end(_REAP_WITHIN_S)
            raise ProcessDied(self._cause_of_death())
        return message

    async def end(self, grace_s: float) -> None:
        """Wait until the process leaves by itself, then terminate it, then kill it."""
        if not await self._exited_within(grace_s):
            if self._born:
                self._process.terminate()
            if not await self._exited_within(min(grace_s, 1.0)):
                self._kill()
                await self._exited_within(_REAP_WITHIN_S)
        self.hang_up()

    async def kill(self) -> None:
        """End the process now."""
        self._kill()
        await self._exited_within(_REAP_WITHIN_S)
        self.hang_up()

    def hang_up(self) -> None:
        """Close our end of the link; a process that still lives takes it for our death and leaves."""
        if self._hung_up:
            return
        self._hung_up = True
        _open_links.discard(self)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._messages.put_nowait(None)
        self._on_end()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.hang_up()
            return
        try:
            for message in self._reader.feed(data):
                self._messages.put_nowait(message)
        except BadMessage as error:
            self._refuse(error.reason)
        if self._messages.qsize() > MAX_UNREAD:
            self._refuse(NobodyWaitsFor(MAX_UNREAD))

    def _write(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:  # the process is gone, which `_read` finds out too
            sent = len(self._unsent)
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._socket.fileno(), self._write)
        else:
            self._loop.remove_writer(self._socket.fileno())

    def _refuse(self, breach: Reason) -> None:
        """Have nothing to do any more with a process that breaks the rules."""
        if not self._hung_up:
            self._refusal = breach
            self._kill()
            self.hang_up()

    def _spawn(self, theirs: socket.socket) -> None:
        with theirs:
            spawning.start(self._process)
        self._watch_over()

    def _fork(self, theirs: socket.socket, instead: Callable[[], BaseProcess]) -> None:
        """Have the fork server make the process. The first time it has to load torch before."""
        try:
            spawning.start(self._process)
            theirs.close()
            after = self._watch_over
        except OSError as error:  # the server cannot be reached, and so has made none
            log.warning("no process was forked: %s; workers are spawned from now on", error)
            after = functools.partial(self._spawn_instead, theirs, instead)
        except Exception as error:
            log.exception("no process was forked; workers are spawned from now on")
            theirs.close()
            after = functools.partial(self._never_born, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: the node is gone
            self._loop.call_soon_threadsafe(after)

    def _spawn_instead(self, theirs: socket.socket, instead: Callable[[], BaseProcess]) -> None:
        spawning.never_fork_again()
        self._process = instead()
        if self._doomed or self._hung_up:
            theirs.close()
            self._exited.set()
            return
        try:
            self._spawn(theirs)
        except OSError as error:
            self._never_born(error)

    def _watch_over(self) -> None:
        self._born = True
        self._handle = _handle(self.pid)
        self._loop.add_reader(self._process.sentinel, self._reap)
        if self._doomed:
            self._kill()

    def _never_born(self, error: Exception) -> None:
        spawning.never_fork_again()
        self._stillborn = one_line(f"{type(error).__name__}: {error}")
        self._exited.set()
        self.hang_up()

    def _kill(self) -> None:
        self._doomed = True
        if self._born:
            self._process.kill()

    def _reap(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._process.join(_REAP_WITHIN_S)  # returns at once: the sentinel fell with the process
        if self._handle is not None:
            # Or with the fork server: then nobody knows, and two may not write to one job.
            with contextlib.suppress(OSError):  # gone already, or it is forbidden here
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
        self._exited.set()

    async def _exited_within(self, limit_s: float) -> bool:
        with anyio.move_on_after(limit_s):
            await self._exited.wait()
        return self._exited.is_set()

    def _cause_of_death(self) -> Reason:
        if self._stillborn is not None:
            return NoProcess(self._stillborn)
        if self._refusal is not None:
            return RulesBroken(self.pid, self._refusal)
        code = self._process.exitcode if self._born else None
        if code is None:
            return ProcessHungUp(self.pid)
        if code < 0:
            return ProcessKilled(self.pid, signal.Signals(-code).name)
        return ProcessLeft(self.pid, code)


def _handle(pid: int) -> int | None:
    """Return a handle that means this process even when its id is another's; None where there are none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # gone already, or an old kernel, or forbidden in this container
        return None


def _hang_up_all() -> None:
    """At exit: workers that nobody closed save and leave. multiprocessing then waits for them."""
    for link in list(_open_links):
        link.hang_up()


# Registered after multiprocessing's own handler, which waits for all children, and so called before it: it
# registers itself when multiprocessing.util is loaded.
atexit.register(_hang_up_all)
