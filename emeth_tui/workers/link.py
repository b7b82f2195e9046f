"""The parent's end of one worker process: birth, messages and death, without ever blocking the event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import math
import multiprocessing
import multiprocessing.resource_tracker
import multiprocessing.util
import signal
import weakref
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import anyio

from emeth_tui.workers import process
from emeth_tui.workers.messages import ToChild, ToParent

_REAP_WITHIN_S = 5.0  # after SIGKILL only the kernel stands between a process and its end
_open_links: weakref.WeakSet[ProcessLink] = weakref.WeakSet()


class ProcessDied(Exception):
    """The process is gone, or given up; the text says why."""


class NoNews(Exception):
    """The process said nothing for too long."""


def prepare_spawning() -> None:
    """Start multiprocessing's helper process. To be called before any UI takes over the standard streams.

    Inside a running Textual application the first spawn would fail: the helper inherits the real stderr's
    descriptor, which the application has replaced by then.
    """
    multiprocessing.resource_tracker.ensure_running()


class ProcessLink:
    """One worker process. Its messages wait in order; after the last one comes ProcessDied."""

    def __init__(self, config: process.WorkerConfig, on_end: Callable[[], None] = lambda: None) -> None:
        """Spawn the process; `on_end` is called once when it has hung up.

        Must run on the event loop's thread: the kernel ends the child with the thread that made it.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        self._connection: Connection = ours
        self._process: SpawnProcess = context.Process(
            target=process.main, args=(theirs, config), name=f"emeth-{config.name}"
        )
        with _terminal_signals_held():
            self._process.start()
        theirs.close()
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[ToParent | None] = asyncio.Queue()
        self._hung_up = False
        self._exited = asyncio.Event()
        self._on_end = on_end
        self._loop.add_reader(ours.fileno(), self._read)
        self._loop.add_reader(self._process.sentinel, self._reap)
        _open_links.add(self)

    @property
    def pid(self) -> int:
        """The process's id, which it keeps in this object after its death."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """True until the process has hung up."""
        return not self._hung_up

    def send(self, message: ToChild) -> None:
        """Send a message; into a dead process's pipe it is lost, and `receive` will tell of the death."""
        if not self._hung_up:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._connection.send(message)

    async def receive(self, limit_s: float = math.inf) -> ToParent:
        """Return the next message. Raises ProcessDied after the last one, NoNews when none comes in time."""
        try:
            with anyio.fail_after(limit_s):
                message = await self._messages.get()
        except TimeoutError as error:
            raise NoNews(f"no news for {limit_s:.0f} s") from error
        if message is None:
            self._messages.put_nowait(None)  # for whoever asks again
            await self.end(_REAP_WITHIN_S)
            raise ProcessDied(self._cause_of_death())
        return message

    async def end(self, grace_s: float) -> None:
        """See the process out: wait for it to leave by itself, then terminate it, then kill it."""
        if not await self._exited_within(grace_s):
            self._process.terminate()
            if not await self._exited_within(min(grace_s, 1.0)):
                self._process.kill()
                await self._exited_within(_REAP_WITHIN_S)
        self.hang_up()

    async def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        await self._exited_within(_REAP_WITHIN_S)
        self.hang_up()

    def hang_up(self) -> None:
        """Close our end of the pipe; a process that still lives takes it for our death and leaves."""
        if self._hung_up:
            return
        self._hung_up = True
        _open_links.discard(self)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._connection.fileno())
        self._connection.close()
        self._messages.put_nowait(None)
        self._on_end()

    def _read(self) -> None:
        try:
            while self._connection.poll():
                self._messages.put_nowait(self._connection.recv())
        except (EOFError, OSError):
            self.hang_up()

    def _reap(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._process.join(_REAP_WITHIN_S)  # returns at once: the sentinel fell with the process
        self._exited.set()

    async def _exited_within(self, limit_s: float) -> bool:
        with anyio.move_on_after(limit_s):
            await self._exited.wait()
        return self._exited.is_set()

    def _cause_of_death(self) -> str:
        code = self._process.exitcode
        if code is None:
            return f"process {self.pid} hung up"
        if code < 0:
            return f"process {self.pid} was ended by {signal.Signals(-code).name}"
        return f"process {self.pid} left with code {code}"


@contextlib.contextmanager
def _terminal_signals_held() -> Iterator[None]:
    """Block the terminal's signals for a moment: the child inherits that, until it can ignore them itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, process.IGNORED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hang_up_all() -> None:
    """At exit: workers that nobody closed save and leave. multiprocessing then waits for them."""
    for link in list(_open_links):
        link.hang_up()


# Registered after multiprocessing's own handler, which waits for all children, and so called before it.
atexit.register(_hang_up_all)
