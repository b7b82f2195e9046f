"""How a link reaches a keeper: a line, whatever carries it; and ssh, which carries one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import system_text
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.link.route import Route
from emeth_tui.hosts.messages import FromKeeper
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.control import NoDestination, NoSsh, NotInstalledThere, SshFailed
from emeth_tui.notices.reasons.network.host import HostLineDropped, HostNotReached
from emeth_tui.transport import ssh as system_ssh
from emeth_tui.transport.ssh_process import Ssh, running_ssh

_READ_LIMIT_BYTES = 1 << 20
RunSsh = Callable[[int], AbstractAsyncContextManager[Ssh]]  # with the bytes to read ahead; may raise OSError


class LineFailed(Reasoned):
    """There is no line to the keeper. `final`: a second try would not change that."""

    def __init__(self, reason: Reason, *, final: bool = False, until: asyncio.Event | None = None) -> None:
        """`until` is set when a second try is worth while, if anybody can know that."""
        super().__init__(reason)
        self.final = final
        self.until = until


@dataclass(frozen=True, slots=True)
class Line:
    """An open line: frames, both ways. Once it has ended, `failure` returns why."""

    frames: FrameReader[FromKeeper]
    writer: FrameWriter
    failure: Callable[[], Awaitable[LineFailed]]


OpenLine = Callable[[], AbstractAsyncContextManager[Line]]  # entering it may raise LineFailed


@asynccontextmanager
async def ssh_line(route: Route, run_ssh: RunSsh | None = None) -> AsyncIterator[Line]:
    """Start ssh, by `run_ssh` or as a child; end it afterwards. Raise LineFailed if it does not start."""
    if not system_ssh.is_destination(route.destination):
        raise LineFailed(NoDestination(route.destination), final=True)
    run_ssh = run_ssh or partial(running_ssh, route.words)
    async with AsyncExitStack() as stack:
        try:
            ssh = await stack.enter_async_context(run_ssh(_READ_LIMIT_BYTES))
        except OSError as error:
            raise LineFailed(NoSsh(route.ssh[0], system_text(error)), final=True) from error
        reader, stream = ssh.streams
        frames: FrameReader[FromKeeper] = FrameReader(reader, FromKeeper)
        host = system_ssh.host_of(route.destination)
        yield Line(frames, FrameWriter(stream), lambda: _failure(ssh, host))


async def _failure(ssh: Ssh, host: str) -> LineFailed:
    """Return why the line ended: ssh's own reason, or what the far end says."""
    code, reason = await ssh.end()
    if code == system_ssh.FAILED:
        final = any(refusal in reason for refusal in system_ssh.FINAL)
        return LineFailed(SshFailed(host, reason), final=final)
    if code == system_ssh.NOT_FOUND:
        return LineFailed(NotInstalledThere(host, reason), final=True)
    return LineFailed(HostNotReached(reason) if reason else HostLineDropped())
