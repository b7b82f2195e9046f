"""The node's side of the control socket: answers questions, changes nothing.

Without clients there is only a listening socket: no task, no timer, no subscription. With clients, the node
comes first: questions are answered one at a time with pauses in between, lines are bounded, and a client that
does not read in time is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio
from pydantic import ValidationError

from emeth_tui import __version__
from emeth_tui.control import wire
from emeth_tui.control.paths import listening_socket, remove_socket
from emeth_tui.control.wire import Hello, Question
from emeth_tui.engine.events import JobProgress, Subscription
from emeth_tui.engine.view.records import NodeRecords
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import EmethError
from emeth_tui.model import JobId
from emeth_tui.notices.notice import to_data
from emeth_tui.protocol.job_ids import parse_job_id

MAX_CLIENTS = 8
MAX_BACKLOG = 1_000  # events that a client may lag behind
WRITE_LIMIT_S = 10.0
GOODBYE_LIMIT_S = 1.0  # for all clients together
IDLE_LIMIT_S = 60.0  # a view asks at least once a second
REST_SHARE = 4  # after each answer the node rests four times as long
LEAST_REST_S = 0.005
PROGRESS_REST_S = 0.1  # progress is coalesced meanwhile
_CREDENTIALS = struct.Struct("3i")  # struct ucred, unix(7): process, user, group
logger = logging.getLogger(__name__)


class ShownNode(Protocol):
    """The part of a node that is shown (engine.node)."""

    @property
    def records(self) -> NodeRecords: ...
    def snapshot(self) -> Snapshot: ...
    def subscribe(self) -> Subscription: ...


@asynccontextmanager
async def serve_control(directory: Path, node: ShownNode) -> AsyncIterator[ControlServer]:
    """Let other processes view a node while the body runs, and say goodbye to them at its end.

    Call it while holding the state lock. If the socket cannot be created, log that and go on without.
    """
    control = ControlServer(node, directory)
    await control.listen()
    try:
        yield control
    finally:
        await control.close()


class ControlServer:
    """Answers every client of one node."""

    def __init__(self, node: ShownNode, directory: Path) -> None:
        self._node = node
        self._directory = directory
        self._server: asyncio.Server | None = None
        self._listening_again: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._clients: dict[asyncio.Task[Any], _Client] = {}

    async def listen(self) -> None:
        """Create the socket and serve whoever connects; without one, nobody is served."""
        try:
            listening = listening_socket(self._directory)
        except OSError as error:
            logger.warning(
                "%s: no control socket: %s; other processes cannot view this node", self._directory, error
            )
            return
        # From Python 3.13 on, asyncio would look for the socket by its address, which is no longer valid.
        own_cleanup: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        self._server = await asyncio.start_unix_server(
            self.serve, sock=listening, limit=wire.MAX_QUESTION_BYTES, **own_cleanup
        )

    def listen_again(self) -> None:
        """Create the socket anew: the old one's directory was removed. Clients that are here stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._listening_again = asyncio.create_task(self.listen())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves, or is dropped."""
        task = asyncio.current_task()
        if len(self._clients) >= MAX_CLIENTS or task is None or not _is_the_owner(writer):
            writer.transport.abort()
            return
        client = self._clients[task] = _Client(reader, writer, self._answer, self._node.subscribe)
        try:
            await client.run()
        except asyncio.CancelledError:
            pass  # `close` cancels it; this is the top of the task
        except Exception:
            logger.exception("a client of the control socket is dropped: internal error")
        finally:
            del self._clients[task]
            client.drop()

    async def close(self) -> None:
        """Send every client the last events and a goodbye, and close its connection and the socket."""
        if self._listening_again is not None:
            await asyncio.wait({self._listening_again})
        if self._server is not None:
            self._server.close()
            remove_socket(self._directory)
        clients = dict(self._clients)
        if not clients:
            return
        with anyio.move_on_after(GOODBYE_LIMIT_S):
            await asyncio.gather(*(client.say_goodbye() for client in clients.values()))
        for task in clients:
            task.cancel()
        await asyncio.wait(clients)

    async def _answer(self, question: Question) -> Any:
        """Answer one question, then let the node rest before the next one from any client."""
        node = self._node
        if question.ask == "chain_record":  # slow, but does not keep the node busy
            record = await node.records.chain_record(parse_job_id(question.job_id))
            return wire.pack(question.ask, record)
        async with self._turn:
            began = time.monotonic()
            try:
                return wire.pack(question.ask, await _ANSWERS[question.ask](node, question))
            finally:
                await asyncio.sleep(max(LEAST_REST_S, REST_SHARE * (time.monotonic() - began)))


class _Client:
    """One connection: reads questions one after the other, and writes no faster than the other side reads."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[Question], Awaitable[Any]],
        subscribe: Callable[[], Subscription],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer_to = answer
        self._subscribe = subscribe
        self._writing = asyncio.Lock()
        self._stream: Subscription | None = None
        self._pump: asyncio.Task[None] | None = None
        self._leaving = False

    async def run(self) -> None:
        """Serve until the client leaves or misbehaves."""
        hello = Hello(wire.PROTOCOL, __version__, os.getpid())
        with contextlib.suppress(_Misbehaves, OSError):
            await self._write({"hello": wire.pack("hello", hello)})
            while question := await self._next_question():
                await self._write(await self._reply(question))
                if question.ask == "events" and self._pump is None:
                    self._stream = self._subscribe()
                    self._pump = asyncio.create_task(self._pump_events(self._stream))

    async def say_goodbye(self) -> None:
        """Send the remaining events, and that the node has ended."""
        self._leaving = True
        if self._stream is not None and self._pump is not None:
            self._stream.close()
            await asyncio.wait({self._pump})
        with contextlib.suppress(_Misbehaves, OSError):
            await self._write({"goodbye": "ended"})

    def drop(self) -> None:
        """Close the connection; complete lines already written may still arrive."""
        if self._pump is not None:
            self._pump.cancel()
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _next_question(self) -> Question | None:
        """Read a question; None when the client has left."""
        try:
            # A client that follows events need not ask anything.
            with anyio.fail_after(IDLE_LIMIT_S if self._pump is None else None):
                received = await self._reader.readline()
        except (ValueError, TimeoutError) as error:  # a line too long, or none
            raise _Misbehaves from error
        if not received.endswith(b"\n"):
            return None
        try:
            return Question.model_validate_json(received)
        except ValidationError as error:
            raise _Misbehaves from error

    async def _reply(self, question: Question) -> dict[str, Any]:
        try:
            return {"id": question.id, "answer": await self._answer_to(question)}
        except EmethError as error:
            return {"id": question.id, "error": to_data(error.reason)}

    async def _write(self, words: dict[str, Any]) -> None:
        try:
            async with self._writing:
                self._writer.write(wire.line(words))
                with anyio.fail_after(WRITE_LIMIT_S):
                    await self._writer.drain()
        except TimeoutError as error:
            raise _Misbehaves from error

    async def _pump_events(self, stream: Subscription) -> None:
        try:
            async for item in stream:
                if stream.backlog > MAX_BACKLOG:
                    raise _Misbehaves
                if isinstance(item, JobProgress):
                    await self._write({"progress": wire.pack("progress", item)})
                    if not self._leaving:
                        await asyncio.sleep(PROGRESS_REST_S)
                else:
                    await self._write({"event": wire.pack("event", item)})
        except (_Misbehaves, OSError):
            self._writer.transport.abort()
        finally:
            stream.close()


def _is_the_owner(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end belongs to this process's user, whatever the socket's mode has become."""
    connection: socket.socket = writer.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _pid, uid, _gid = _CREDENTIALS.unpack(credentials)
    return bool(uid == os.geteuid())


class _Misbehaves(Exception):
    """The client sends nonsense, sends nothing, or does not read: it is dropped."""


async def _snapshot(node: ShownNode, _question: Question) -> Snapshot:
    return node.snapshot()


async def _events(_node: ShownNode, _question: Question) -> None:
    return None


async def _job(node: ShownNode, question: Question) -> object:
    record = await node.records.job(JobId(question.job_id))
    if record is None:
        return None
    return wire.record_without_bytes(record)


async def _history(node: ShownNode, _question: Question) -> object:
    return await node.records.history()


async def _transactions(node: ShownNode, question: Question) -> object:
    return [wire.without_bytes(tx) for tx in await node.records.transactions(question.limit)]


async def _settings(node: ShownNode, _question: Question) -> object:
    return await node.records.settings()


async def _logs(node: ShownNode, _question: Question) -> object:
    return [path.name for path in await node.records.logs()]


async def _log_tail(node: ShownNode, question: Question) -> object:
    """Return the end of one of the node's own log files; no other file can be named."""
    for path in await node.records.logs():
        if path.name == question.name:
            return await node.records.log_tail(path, question.max_bytes)
    return []


_ANSWERS: dict[str, Callable[[ShownNode, Question], Awaitable[object]]] = {
    "snapshot": _snapshot,
    "events": _events,
    "job": _job,
    "history": _history,
    "transactions": _transactions,
    "settings": _settings,
    "logs": _logs,
    "log_tail": _log_tail,
}
