"""An HTTP proxy before one service, which does to an exchange what the rule of the moment says.

One connection carries one exchange. Without a rule it is passed on as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import anyio

LOOPBACK = "127.0.0.1"
_LIMIT_S = 30.0
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line, its headers, its body."""

    first: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def method(self) -> str:
        return self.first.split(" ")[0]

    @property
    def path(self) -> str:
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    def with_body(self, body: bytes) -> Message:
        return replace(self, body=body, headers=_without(self.headers, "content-length", "transfer-encoding"))

    def head(self, length: int | None = None) -> bytes:
        """Return the first line and the headers; the length is the body's, or what is to be announced."""
        kept = _without(self.headers, "content-length", "transfer-encoding", "connection")
        announced = ("Content-Length", str(len(self.body) if length is None else length))
        lines = [
            self.first,
            *(f"{name}: {value}" for name, value in (*kept, announced, ("Connection", "close"))),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def encoded(self) -> bytes:
        return self.head() + self.body


class Exchange:
    """One request on its way through the proxy."""

    def __init__(self, request: Message, writer: asyncio.StreamWriter, upstream: Callable[[], int]) -> None:
        self.request = request
        self._writer = writer
        self._upstream = upstream

    async def forward(self, request: Message | None = None) -> Message:
        """Let the service answer. Raise OSError when it does not."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self._upstream(), limit=_HEAD_BYTES)
        try:
            writer.write((request or self.request).encoded())
            await writer.drain()
            return await _in_time(read_message(reader, is_answer=True))
        except (ValueError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise OSError("the service broke off") from error
        finally:
            writer.close()

    async def answer(self, message: Message) -> None:
        await self.send(message.encoded())

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()


Act = Callable[[Exchange], Awaitable[None]]
Matches = Callable[[Message], bool]


def _always(_request: Message) -> bool:
    return True


@dataclass(slots=True)
class Rule:
    """What to do to the exchanges that match, so many times or so long."""

    act: Act
    matches: Matches = _always
    left: int = 1_000_000
    seconds: float = 600.0
    hits: int = 0
    _since_s: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        return self.left <= self.hits or time.monotonic() - self._since_s > self.seconds


class Proxy:
    """Listens on a port of its own; `upstream` tells the service's port at the moment."""

    def __init__(self, name: str, upstream: Callable[[], int]) -> None:
        self.name = name
        self.rules: list[Rule] = []
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def heal(self) -> None:
        """Pass everything on from now on."""
        self.rules.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            request = await _in_time(read_message(reader, is_answer=False))
            await self._act_for(request)(Exchange(request, writer, self._upstream))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            writer.transport.abort()  # the service is gone, or the client is
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._open.discard(task)
            with contextlib.suppress(OSError):
                writer.close()

    def _act_for(self, request: Message) -> Act:
        self.rules = [rule for rule in self.rules if not rule.over]
        for rule in self.rules:
            if rule.matches(request):
                rule.hits += 1
                return rule.act
        return _pass_on


async def _in_time(reading: Awaitable[Message]) -> Message:
    with anyio.fail_after(_LIMIT_S):
        return await reading


async def _pass_on(exchange: Exchange) -> None:
    await exchange.answer(await exchange.forward())


async def read_message(reader: asyncio.StreamReader, *, is_answer: bool) -> Message:
    """Read one message whole. Raise ValueError or IncompleteReadError when it is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    by_name = {name.lower(): value for name, value in headers}
    if "chunked" in by_name.get("transfer-encoding", "").lower():
        body = await _chunks(reader)
    elif "content-length" in by_name:
        body = await reader.readexactly(int(by_name["content-length"]))
    else:
        body = await reader.read() if is_answer and " 204" not in first else b""
    return Message(first, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return bytes(body)


def _without(headers: tuple[tuple[str, str], ...], *names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() not in names)
