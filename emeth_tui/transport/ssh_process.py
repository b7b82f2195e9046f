"""ssh(1) as a child with pipes for streams; of what it and the far end write to stderr, the end is kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import anyio

from emeth_tui.foreign_text import ForeignText
from emeth_tui.process.children import end_child, start_child
from emeth_tui.transport import ssh

END_LIMIT_S = 2.0
KEPT_BYTES = 16 * 1024
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Ssh(Protocol):
    """An ssh that runs, or has ended."""

    @property
    def streams(self) -> Streams:
        """What the far end writes, and what it reads."""

    async def end(self) -> tuple[int | None, ForeignText]:
        """Wait until it has ended; return its exit status, None when it goes on, and why as it says."""


class Said(asyncio.Protocol):
    """The last bytes that came over a pipe: a far end that was taken over may write without end."""

    def __init__(self) -> None:
        self.last = b""
        self.over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.last = (self.last + data)[-KEPT_BYTES:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


@dataclass(frozen=True, slots=True)
class SshProcess:
    """A child that is ssh."""

    process: asyncio.subprocess.Process
    _said: Said

    @property
    def streams(self) -> Streams:
        """What the far end writes, and what it reads."""
        reader, writer = self.process.stdout, self.process.stdin
        assert reader is not None and writer is not None  # noqa: S101, PT018 - pipes
        return reader, writer

    async def end(self) -> tuple[int | None, ForeignText]:
        """Wait until it has ended; return its exit status, None when it goes on, and why as it says."""
        with anyio.move_on_after(END_LIMIT_S):
            await self.process.wait()
            await self._said.over.wait()
        return self.process.returncode, ssh.reason(self._said.last)


@asynccontextmanager
async def running_ssh(words: Sequence[str], limit_bytes: int) -> AsyncIterator[SshProcess]:
    """Start ssh, and end it afterwards; `limit_bytes` are read ahead. Raise OSError if it does not start."""
    said = Said()
    reading, writing = os.pipe()
    try:
        pipe = os.fdopen(reading, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: said, pipe)
        try:
            process = await start_child(
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=writing,
                limit=limit_bytes,
            )
        except BaseException:
            transport.close()
            raise
    finally:
        os.close(writing)
    try:
        yield SshProcess(process, said)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.terminate()
        try:
            await end_child(process, END_LIMIT_S)
        finally:
            transport.close()
