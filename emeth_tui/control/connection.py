"""One connection to a node's control socket: questions out, answers and news in."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from emeth_tui import __version__
from emeth_tui.control import wire
from emeth_tui.control.paths import connected_socket
from emeth_tui.control.wire import Hello, Topic
from emeth_tui.engine.events import JobProgress
from emeth_tui.errors import ControlError
from emeth_tui.notices.event import Event
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons import control as why

ANSWER_LIMIT_S = 5.0
CHAIN_LIMIT_S = 60.0  # the node asks its RPC endpoint, which may be slow and retried


class ConnectionBroken(ControlError):
    """The node does not listen, or has gone silent without a goodbye."""


class Refused(ControlError):
    """The node has answered with an error; the connection is good."""


class NodeEnded(Exception):
    """The node has said goodbye."""


class Connection:
    """Asks a node questions. Made by `connect`, which also reads what arrives."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_news: Callable[[Any], None]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_news = on_news
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Topic, asyncio.Future[Any]]] = {}

    async def ask(self, topic: Topic, **details: Any) -> Any:
        """Ask a question and wait for its answer.

        Raise Refused with the node's own reason, ConnectionBroken when no answer comes, ControlError when
        the answer is not understood.
        """
        limit_s = CHAIN_LIMIT_S if topic == "chain_record" else ANSWER_LIMIT_S
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (topic, answer)
        try:
            with anyio.fail_after(limit_s):
                self._writer.write(wire.line({"id": number, "ask": topic, **details}))
                await self._writer.drain()
                return await answer
        except TimeoutError:
            raise ConnectionBroken(why.NoAnswerInTime(limit_s)) from None
        except OSError as error:
            raise ConnectionBroken(why.ConnectionBrokeOff(str(error))) from error
        finally:
            del self._waiting[number]

    async def read_hello(self) -> Hello:
        """Read the hello. Raise ControlError when the other side speaks another version."""
        with anyio.move_on_after(ANSWER_LIMIT_S):
            words = wire.parts(await self._line())
            protocol = (words.get("hello") or {}).get("protocol")
            if protocol != wire.PROTOCOL:
                version = (words.get("hello") or {}).get("version", "unknown")
                raise ControlError(why.OtherVersion(str(version), __version__))
            hello: Hello = wire.unpack("hello", words["hello"])
            return hello
        raise ConnectionBroken(why.NoHelloInTime(ANSWER_LIMIT_S))

    async def read(self) -> None:
        """Handle everything that arrives. Raise NodeEnded after a goodbye, ConnectionBroken without one."""
        try:
            while True:
                self._take(wire.parts(await self._line()))
        finally:
            for _topic, answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionBroken(why.ConnectionLost()))

    async def _line(self) -> bytes:
        try:
            received = await self._reader.readline()
        except (OSError, ValueError) as error:
            raise ConnectionBroken(why.ConnectionBrokeOff(str(error))) from error
        if not received.endswith(b"\n"):
            raise ConnectionBroken(why.ConnectionClosed())
        return received

    def _take(self, words: dict[str, Any]) -> None:
        if "goodbye" in words:
            raise NodeEnded
        if "event" in words:
            event: Event = wire.unpack("event", words["event"])
            self._on_news(event)
        elif "progress" in words:
            progress: JobProgress = wire.unpack("progress", words["progress"])
            self._on_news(progress)
        elif words.get("id") in self._waiting:
            self._take_answer(words)

    def _take_answer(self, words: dict[str, Any]) -> None:
        topic, answer = self._waiting[words["id"]]
        if answer.done():
            return
        if "error" in words:
            answer.set_exception(Refused(from_data(Reason, words["error"])))
            return
        try:
            answer.set_result(wire.unpack(topic, words.get("answer")))
        except ControlError as error:
            answer.set_exception(error)


@asynccontextmanager
async def connect(
    directory: Path, on_news: Callable[[Event | JobProgress], None]
) -> AsyncIterator[tuple[Connection, Hello, asyncio.Task[None]]]:
    """Open a connection; yield it, the node's hello, and the task that reads until the connection ends.

    Raise ConnectionBroken when no node listens, ControlError when its version is another.
    """
    try:
        connected = connected_socket(directory)
    except OSError as error:
        raise ConnectionBroken(why.NobodyListens(directory, error.strerror or "")) from error
    reader, writer = await asyncio.open_unix_connection(sock=connected, limit=wire.MAX_ANSWER_BYTES)
    connection = Connection(reader, writer, on_news)
    try:
        hello = await connection.read_hello()
        reading = asyncio.create_task(connection.read())
        try:
            yield connection, hello, reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            if not reading.cancelled():
                reading.exception()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
