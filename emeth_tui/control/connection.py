"""One connection to a node's control socket: questions and commands out, answers and news in.

    async with connect(directory, AskedAt.COMMAND_LINE) as node:
        snapshot = await node.ask("snapshot")
        await node.do("pause_job", job_id=job_id)
        withdrawn_wei = await node.do("withdraw", slots=[19_674])

Both raise `Refused` with the node's own reason. Events come to `on_news` after `ask("events")`, until
`node.reading` ends: with `NodeEnded` after a goodbye, with `ConnectionBroken` without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import anyio

from emeth_tui import __version__
from emeth_tui.control import wire
from emeth_tui.control.wire import LONG_COMMANDS, SLOW_TOPICS, Command, Hello, Topic
from emeth_tui.engine.events import JobProgress
from emeth_tui.errors import ControlError, ExitCode
from emeth_tui.foreign_text import one_line, system_text
from emeth_tui.model import AskedAt
from emeth_tui.notices.event import Event
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons import control as why
from emeth_tui.transport.local_socket import connected_socket

ANSWER_LIMIT_S = 5.0
CLOSE_LIMIT_S = 2.0  # for a line to close; a dead one never does
COMMAND_LIMIT_S = 30.0  # but for those that wait for the chain as long as it takes
SLOW_ANSWER_LIMIT_S = 60.0  # the node asks its RPC endpoint, which may be slow and retried, or searches a log


class ConnectionBroken(ControlError):
    """The node does not listen, or has gone silent without a goodbye."""


class OutcomeUnknown(ControlError):
    """A command was sent, and the connection broke off before its answer: it may have been carried out."""


class Refused(ControlError):
    """The node has answered with an error; the connection is good.

    `own_code` is the exit code that the error has where it was raised.
    """

    def __init__(self, reason: Reason, own_code: ExitCode = ExitCode.REFUSED) -> None:
        super().__init__(reason)
        self.own_code = own_code


class NodeEnded(Exception):
    """The node has said goodbye."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an answer is waited for."""

    name: Topic | Command
    answer: asyncio.Future[Any]


class Connection:
    """Asks a node questions and gives it commands. Made by `connect`, which also reads what arrives."""

    hello: Hello
    reading: asyncio.Task[None]

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_news: Callable[[Any], None]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_news = on_news
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}

    async def ask(self, topic: Topic, **details: Any) -> Any:
        """Ask a question and wait for its answer.

        Raise Refused with the node's own reason, ConnectionBroken when no answer comes, ControlError when
        the answer is not understood.
        """
        limit_s = SLOW_ANSWER_LIMIT_S if topic in SLOW_TOPICS else ANSWER_LIMIT_S
        return await self._exchange("ask", topic, limit_s, details)

    async def do(self, command: Command, **details: Any) -> Any:
        """Give a command and wait until it is carried out. It is sent once.

        Raise Refused with the node's own reason, OutcomeUnknown when it was sent and no answer comes,
        ControlError when it was not sent, or the answer is not understood.
        """
        limit_s = None if command in LONG_COMMANDS else COMMAND_LIMIT_S
        if self.reading.done():
            raise ConnectionBroken(why.ConnectionLost())
        try:
            return await self._exchange("do", command, limit_s, details)
        except ConnectionBroken as error:
            raise OutcomeUnknown(why.OutcomeUnknown(command, error.reason)) from error

    async def _exchange(
        self,
        verb: Literal["ask", "do"],
        name: Topic | Command,
        limit_s: float | None,
        details: dict[str, Any],
    ) -> Any:
        number = next(self._numbers)
        request = wire.request_line({"id": number, verb: name, **details})
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = _Asked(name, answer)
        try:
            with anyio.fail_after(limit_s):
                self._writer.write(request)
                await self._writer.drain()
                return await answer
        except TimeoutError:
            raise ConnectionBroken(why.NoAnswerInTime(limit_s or 0.0)) from None
        except OSError as error:
            raise ConnectionBroken(why.ConnectionBrokeOff(one_line(error))) from error
        finally:
            del self._asked[number]

    async def introduce(self, place: AskedAt, limit_s: float | None) -> None:
        """Read the node's hello and say what this client is.

        Raise Refused when the node lets nobody in, ControlError when it speaks another version,
        ConnectionBroken when it says nothing.
        """
        with anyio.move_on_after(limit_s):
            words = wire.parts(await self._line())
            if "error" in words:
                raise Refused(from_data(Reason, words["error"]))
            protocol = (words.get("hello") or {}).get("protocol")
            if protocol != wire.PROTOCOL:
                version = (words.get("hello") or {}).get("version", "?")
                raise ControlError(why.OtherVersion(str(version), __version__))
            self.hello = wire.unpack("hello", words["hello"])
            self._writer.write(wire.line({"hello": {"protocol": wire.PROTOCOL, "place": place.value}}))
            return
        raise ConnectionBroken(why.NoHelloInTime(limit_s or 0.0))

    async def read(self) -> None:
        """Handle everything that arrives. Raise NodeEnded after a goodbye, ConnectionBroken without one."""
        cause: Reason = why.ConnectionClosed()
        try:
            while True:
                self._take(wire.parts(await self._line()))
        except ConnectionBroken as error:
            cause = error.reason
            raise
        finally:
            for asked in self._asked.values():
                if not asked.answer.done():
                    asked.answer.set_exception(ConnectionBroken(cause))

    async def _line(self) -> bytes:
        try:
            received = await self._reader.readline()
        except (OSError, ValueError) as error:
            raise ConnectionBroken(why.ConnectionBrokeOff(one_line(error))) from error
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
        elif words.get("id") in self._asked:
            self._take_answer(self._asked[words["id"]], words)

    def _take_answer(self, asked: _Asked, words: dict[str, Any]) -> None:
        if asked.answer.done():
            return
        if "error" in words:
            asked.answer.set_exception(Refused(from_data(Reason, words["error"]), _code_of(words)))
            return
        try:
            asked.answer.set_result(wire.unpack(asked.name, words.get("answer")))
        except ControlError as error:
            asked.answer.set_exception(error)


def _code_of(words: dict[str, Any]) -> ExitCode:
    """Return the exit code that an error came with; a node of another version may have none, or others."""
    try:
        return ExitCode(words.get("exit_code", ExitCode.REFUSED))
    except ValueError:
        return ExitCode.REFUSED


def _ignore(_news: Event | JobProgress) -> None:
    pass


@asynccontextmanager
async def connect(
    directory: Path,
    place: Literal[AskedAt.ATTACHED_SCREEN, AskedAt.COMMAND_LINE],
    on_news: Callable[[Event | JobProgress], None] = _ignore,
) -> AsyncIterator[Connection]:
    """Open a connection to the node whose control socket is in `directory`; it reads while the body runs.

    Raise ConnectionBroken when no node listens, ControlError when its version is another.
    """
    try:
        connected = connected_socket(directory)
    except OSError as error:
        raise ConnectionBroken(why.NobodyListens(directory, system_text(error))) from error
    reader, writer = await asyncio.open_unix_connection(sock=connected, limit=wire.MAX_ANSWER_BYTES)
    async with talk(reader, writer, place, on_news) as connection:
        yield connection


@asynccontextmanager
async def talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    place: Literal[AskedAt.ATTACHED_SCREEN, AskedAt.COMMAND_LINE],
    on_news: Callable[[Event | JobProgress], None],
    hello_limit_s: float | None = ANSWER_LIMIT_S,
) -> AsyncIterator[Connection]:
    """Talk to a node over a pair of streams, however they were made. Raise as `connect` does."""
    connection = Connection(reader, writer, on_news)
    try:
        await connection.introduce(place, hello_limit_s)
        connection.reading = asyncio.create_task(connection.read())
        try:
            yield connection
        finally:
            connection.reading.cancel()
            await asyncio.wait({connection.reading})
            if not connection.reading.cancelled():
                connection.reading.exception()
    finally:
        writer.close()
        with contextlib.suppress(OSError), anyio.move_on_after(CLOSE_LIMIT_S):
            await writer.wait_closed()
