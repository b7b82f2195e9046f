"""ssh as a link uses it: started by the process beside it (`starter`), with pipes of the link's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio

from emeth_tui.foreign_text import ForeignText
from emeth_tui.hosts.link.starter import ANSWER, END, END_LIMIT_S, ENDED, FAILED, START, STARTED
from emeth_tui.process.finishing import seen_through
from emeth_tui.transport import ssh
from emeth_tui.transport.ssh_process import Said, Streams


class StarterGone(Exception):
    """The process that starts ssh has ended, so this one must as well: the node starts both anew."""


@dataclass(frozen=True, slots=True)
class _StartedSsh:
    streams: Streams
    _said: Said
    _ended: asyncio.Task[int]

    async def end(self) -> tuple[int | None, ForeignText]:
        """Wait until it has ended; return its exit status, None when it goes on, and why as it says."""
        with anyio.move_on_after(END_LIMIT_S):
            await asyncio.wait([self._ended])
            await self._said.over.wait()
        return self._ended.result() if self._ended.done() else None, ssh.reason(self._said.last)


class SshStarter:
    """The link's side of the socket to its starter."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._connected = connected
        self._ended: asyncio.Task[int] | None = None  # waits for the ssh that runs

    @asynccontextmanager
    async def run_ssh(self, limit_bytes: int) -> AsyncIterator[_StartedSsh]:
        """Have ssh started, and ended afterwards; `limit_bytes` are read ahead.

        One at a time. Raise OSError if it does not start, and StarterGone.
        """
        said = Said()
        with ExitStack() as near, ExitStack() as far:
            descriptors, streams = await _pipes(near, far, said, limit_bytes)
            try:
                await seen_through(self._start(descriptors))
                far.close()
                assert self._ended is not None  # noqa: S101 - it has started
                yield _StartedSsh(streams, said, self._ended)
            finally:
                streams[1].close()
                await seen_through(self._end())

    async def _start(self, descriptors: Sequence[int]) -> None:
        try:
            socket.send_fds(self._connected, [START], descriptors)
        except OSError as error:
            raise StarterGone from error
        kind, value = await self._answer()
        if kind == FAILED:
            raise OSError(value, os.strerror(value))
        if kind != STARTED:
            raise StarterGone
        self._ended = asyncio.create_task(self._wait())

    async def _end(self) -> None:
        """End ssh if it still runs; one that takes longer than a limit is killed. Raise StarterGone."""
        ended, self._ended = self._ended, None
        if ended is not None:
            if not ended.done():
                with contextlib.suppress(OSError):  # the starter has gone, which is heard next
                    self._connected.send(END)
            await ended

    async def _wait(self) -> int:
        kind, status = await self._answer()
        if kind != ENDED:
            raise StarterGone
        return status

    async def _answer(self) -> tuple[int, int]:
        answer = b""
        while len(answer) < ANSWER.size:
            try:
                piece = await asyncio.get_running_loop().sock_recv(self._connected, ANSWER.size - len(answer))
            except OSError as error:
                raise StarterGone from error
            if not piece:
                raise StarterGone
            answer += piece
        kind, value = ANSWER.unpack(answer)
        return kind, value


async def _pipes(
    near: ExitStack, far: ExitStack, said: Said, limit_bytes: int
) -> tuple[Sequence[int], Streams]:
    """Return the ends of three pipes for ssh, and streams at the others; each is closed with its stack."""
    loop = asyncio.get_running_loop()
    (stdin, writing), (reading, stdout), (hearing, stderr) = os.pipe(), os.pipe(), os.pipe()
    for descriptor in (stdin, stdout, stderr):
        far.callback(os.close, descriptor)
    to_ssh = near.enter_context(os.fdopen(writing, "wb", buffering=0))
    from_ssh, complaints = (
        near.enter_context(os.fdopen(each, "rb", buffering=0)) for each in (reading, hearing)
    )
    reader = asyncio.StreamReader(limit=limit_bytes)
    for protocol, pipe in ((asyncio.StreamReaderProtocol(reader), from_ssh), (said, complaints)):
        hears, _ = await loop.connect_read_pipe(partial(_same, protocol), pipe)
        near.callback(hears.close)
    transport, control = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, to_ssh)
    near.callback(_drop_unsent, transport)
    return (stdin, stdout, stderr), (reader, asyncio.StreamWriter(transport, control, None, loop))


def _drop_unsent(transport: asyncio.WriteTransport) -> None:
    """Have a transport that is being closed wait for nobody."""
    if transport.get_write_buffer_size():
        transport.abort()


def _same(protocol: asyncio.Protocol) -> asyncio.Protocol:
    return protocol
