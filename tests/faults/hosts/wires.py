"""The network between a node and a host: a network namespace of the host's own, or proxies on the loopback.

Either can be cut in silence: nothing arrives any more, and nobody is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Protocol

LOOPBACK = "127.0.0.1"
_numbers = itertools.count(1)
_CHUNK_BYTES = 65_536


class Wire(Protocol):
    """How a host is reached, and how it reaches the node."""

    inside: Sequence[str]  # the words before a command that runs on the host
    listens_at: str  # the host's address, as what runs there has it

    async def open(self) -> None:
        """Have the two reach each other."""

    async def close(self) -> None:
        """Take it away."""

    async def towards_host(self, port: int) -> tuple[str, int]:
        """Return where the node reaches a port of the host's."""

    async def towards_node(self, port: int) -> tuple[str, int]:
        """Return where the host reaches a port of the node's."""

    async def cut(self) -> None:
        """Let nothing through."""

    async def heal(self) -> None:
        """Let everything through again."""


class NamespaceWire:
    """A host with a network of its own, at the other end of a cable."""

    def __init__(self) -> None:
        number = next(_numbers)
        network = f"10.{77 + number // 250}.{number % 250}"
        self._near, self.listens_at = f"{network}.1", f"{network}.2"
        self._device = f"emeth{number}"
        self._holder: asyncio.subprocess.Process | None = None
        self.inside: tuple[str, ...] = ()

    async def open(self) -> None:
        words = ("unshare", "--net", "sh", "-c", "echo; exec cat")  # until its input ends
        pipe = asyncio.subprocess.PIPE
        self._holder = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
        assert self._holder.stdout is not None
        await self._holder.stdout.readline()
        pid = self._holder.pid
        self.inside = ("nsenter", f"--net=/proc/{pid}/ns/net")
        await _ip("link", "add", self._device, "type", "veth", "peer", "name", "up0", "netns", str(pid))
        await _ip("addr", "add", f"{self._near}/24", "dev", self._device)
        await _ip("link", "set", self._device, "up")
        await _ip("addr", "add", f"{self.listens_at}/24", "dev", "up0", inside=self.inside)
        await _ip("link", "set", "lo", "up", inside=self.inside)
        await self.heal()

    async def close(self) -> None:
        if self._holder is not None:
            with contextlib.suppress(ProcessLookupError):
                self._holder.kill()
            await self._holder.wait()

    async def towards_host(self, port: int) -> tuple[str, int]:
        return self.listens_at, port

    async def towards_node(self, port: int) -> tuple[str, int]:
        return self._near, port

    async def cut(self) -> None:
        await _ip("link", "set", "up0", "down", inside=self.inside)

    async def heal(self) -> None:
        await _ip("link", "set", "up0", "up", inside=self.inside)


async def _ip(*words: str, inside: Sequence[str] = ()) -> None:
    process = await asyncio.create_subprocess_exec(*inside, "ip", *words)
    if await process.wait():
        raise OSError(f"ip {' '.join(words)}: exit status {process.returncode}")


class ProxyWire:
    """A host on this machine's loopback, reached through proxies that can hold everything back."""

    inside: tuple[str, ...] = ()
    listens_at = LOOPBACK

    def __init__(self) -> None:
        self._through = asyncio.Event()
        self._through.set()
        self._servers: dict[int, asyncio.Server] = {}
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Do nothing: proxies are opened one by one."""

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def towards_host(self, port: int) -> tuple[str, int]:
        if port not in self._servers:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._serve(port, reader, writer)

            self._servers[port] = await asyncio.start_server(serve, LOOPBACK, 0)
        name: tuple[str, int] = self._servers[port].sockets[0].getsockname()
        return name

    async def towards_node(self, port: int) -> tuple[str, int]:
        return await self.towards_host(port)

    async def cut(self) -> None:
        self._through.clear()

    async def heal(self) -> None:
        self._through.set()

    async def _serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        ends = [writer]
        try:
            await self._through.wait()
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
            ends.append(far_writer)
            await _first_of(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        except OSError:
            pass  # nobody listens there
        finally:
            for end in ends:
                end.transport.abort()
            self._passing.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                await self._through.wait()
                writer.write(data)
                await writer.drain()
            await self._through.wait()


async def _first_of(*works: object) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]  # type: ignore[arg-type]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
