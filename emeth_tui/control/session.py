"""One client's connection: it reads requests, and writes no faster than the other side reads."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import anyio
from pydantic import ValidationError

from emeth_tui.control import wire
from emeth_tui.control.answers import Answers, ShownNode
from emeth_tui.control.commands import Commands
from emeth_tui.control.wire import LONG_COMMANDS, AnyCommand, Greeting, Hello, Question
from emeth_tui.engine.events import JobProgress, Subscription
from emeth_tui.errors import EmethError
from emeth_tui.model import AskedAt, Asker
from emeth_tui.notices.notice import to_data

MAX_BACKLOG = 1_000  # events that a client may lag behind
MAX_COMMANDS = 32  # of one client that wait for the chain; no more is read meanwhile
WRITE_LIMIT_S = 10.0
IDLE_LIMIT_S = 60.0  # a view asks at least once a second
PROGRESS_REST_S = 0.1  # progress is coalesced meanwhile


class Session:
    """Serves one client. `pid` and `user` are the system's word on who it is."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: Answers,
        commands: Commands,
        node: ShownNode,
        *,
        pid: int,
        user: str,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answers = answers
        self._commands = commands
        self._node = node
        self._asker: Asker | None = None
        self._pid, self._user = pid, user
        self._writing = asyncio.Lock()
        self._stream: Subscription | None = None
        self._pump: asyncio.Task[None] | None = None
        self._replies: set[asyncio.Task[None]] = set()
        self._leaving = False
        self._gone = False

    async def run(self, hello: Hello) -> None:
        """Serve until the client leaves or misbehaves."""
        with contextlib.suppress(Misbehaves, OSError):
            await self._write({"hello": wire.pack("hello", hello)})
            asker = self._asker = await self._who_it_is()
            if asker:
                self._note_screen(asker, attached=True)
            while asker and (request := await self._next_request()):
                if isinstance(request, Question):
                    await self._answer(request)
                else:
                    await self._command(request, asker)

    async def say_goodbye(self) -> None:
        """Send the remaining answers and events, and that the node has ended."""
        self._leaving = True
        if self._replies:
            await asyncio.wait(self._replies)
        if self._stream is not None and self._pump is not None:
            self._stream.close()
            await asyncio.wait({self._pump})
        with contextlib.suppress(Misbehaves, OSError):
            await self._write({"goodbye": "ended"})

    def drop(self) -> None:
        """Close the connection; complete lines already written may still arrive."""
        self._gone = True
        if self._asker is not None and not self._leaving:
            self._note_screen(self._asker, attached=False)
        for task in (*self._replies, *([self._pump] if self._pump else [])):
            task.cancel()
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()
        else:
            self._writer.close()

    def _note_screen(self, asker: Asker, *, attached: bool) -> None:
        if asker.place is AskedAt.ATTACHED_SCREEN:
            self._node.note_screen(asker, attached=attached)

    # -- reading

    async def _who_it_is(self) -> Asker | None:
        """Read the client's greeting; None when it has left without one."""
        received = await self._line()
        if not received:
            return None
        try:
            greeting = Greeting.model_validate_json(received)
        except ValidationError as error:
            raise Misbehaves from error
        return Asker(greeting.hello.place, self._pid, self._user)

    async def _next_request(self) -> Question | AnyCommand | None:
        """Read a question or a command; None when the client has left."""
        received = await self._line()
        if not received:
            return None
        try:
            return wire.read_request(received)
        except ValidationError as error:
            raise Misbehaves from error

    async def _line(self) -> bytes:
        """Read a line; b"" when the client has left, even in the middle of one."""
        while True:
            try:
                with anyio.fail_after(IDLE_LIMIT_S):
                    received = await self._reader.readline()
            except TimeoutError as error:
                # One that follows events, or waits for its command, need not ask anything.
                if self._pump is None and not self._replies:
                    raise Misbehaves from error
            except ValueError as error:  # too long
                raise Misbehaves from error
            else:
                return received if received.endswith(b"\n") else b""

    # -- answering

    async def _answer(self, question: Question) -> None:
        try:
            words = {"id": question.id, "answer": await self._answers.answer(question)}
        except EmethError as error:
            words = {"id": question.id, "error": to_data(error.reason)}
        await self._write(words)
        if question.ask == "events" and self._pump is None:
            self._stream = self._node.subscribe()
            self._pump = asyncio.create_task(self._pump_events(self._stream))

    async def _command(self, command: AnyCommand, asker: Asker) -> None:
        """Have a command carried out. One that waits for the chain is answered later."""
        while len(self._replies) >= MAX_COMMANDS:
            await asyncio.wait(self._replies, return_when=asyncio.FIRST_COMPLETED)
        task = self._commands.begin(command, asker, lambda: not self._gone)
        reply = asyncio.create_task(self._reply(command.id, task))
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)
        if command.do not in LONG_COMMANDS:
            await asyncio.wait({reply})

    async def _reply(self, number: int, task: asyncio.Task[Any]) -> None:
        """Write a command's outcome. The command itself goes on when the client has left."""
        try:
            words = {"id": number, "answer": await asyncio.shield(task)}
        except EmethError as error:
            words = {"id": number, "error": to_data(error.reason), "exit_code": int(error.exit_code)}
        try:
            await self._write(words)
        except (Misbehaves, OSError):
            self._writer.transport.abort()

    async def _write(self, words: dict[str, Any]) -> None:
        try:
            async with self._writing:
                self._writer.write(wire.line(words))
                with anyio.fail_after(WRITE_LIMIT_S):
                    await self._writer.drain()
        except TimeoutError as error:
            raise Misbehaves from error

    async def _pump_events(self, stream: Subscription) -> None:
        try:
            async for item in stream:
                if stream.backlog > MAX_BACKLOG:
                    raise Misbehaves
                if isinstance(item, JobProgress):
                    await self._write({"progress": wire.pack("progress", item)})
                    if not self._leaving:
                        await asyncio.sleep(PROGRESS_REST_S)
                else:
                    await self._write({"event": wire.pack("event", item)})
        except (Misbehaves, OSError):
            self._writer.transport.abort()
        finally:
            stream.close()


class Misbehaves(Exception):
    """The client sends nonsense, sends nothing, or does not read: it is dropped."""
