"""How a link reaches a keeper: ssh, started as a child, with its streams for pipes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.messages import FromKeeper
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.control import NoDestination, NoSsh, NotInstalledThere, SshFailed
from emeth_tui.notices.reasons.network.host import HostLineDropped, HostNotReached
from emeth_tui.transport import ssh as system_ssh

END_LIMIT_S = 2.0
_READ_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Route:
    """Where a host is: an ssh destination, ssh's command there, and how emeth-tui is called on the host."""

    destination: str
    ssh: tuple[str, ...]
    remote_command: str
    node: str


class LineFailed(Exception):
    """There is no line to the keeper. `final`: a second try would not change that."""

    def __init__(self, reason: Reason, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


@dataclass(frozen=True, slots=True)
class Line:
    """An open line: frames, both ways."""

    frames: FrameReader[FromKeeper]
    writer: FrameWriter
    process: asyncio.subprocess.Process
    said: tempfile._TemporaryFileWrapper[bytes]
    host: str

    async def failure(self) -> LineFailed:
        """Return why the line ended: ssh's own reason, or what the far end says."""
        with anyio.move_on_after(END_LIMIT_S):
            await self.process.wait()
        self.said.seek(0)
        reason, code = system_ssh.reason(self.said.read()), self.process.returncode
        if code == system_ssh.FAILED:
            final = any(refusal in reason for refusal in system_ssh.FINAL)
            return LineFailed(SshFailed(self.host, reason), final=final)
        if code == system_ssh.NOT_FOUND:
            return LineFailed(NotInstalledThere(self.host, reason), final=True)
        return LineFailed(HostNotReached(reason) if reason else HostLineDropped())


@asynccontextmanager
async def open_line(route: Route) -> AsyncIterator[Line]:
    """Start ssh; end it afterwards. Raise LineFailed when it cannot be started."""
    if not system_ssh.is_destination(route.destination):
        raise LineFailed(NoDestination(route.destination), final=True)
    remote = f"{route.remote_command} hosts stdio {route.node}"
    words = (*route.ssh, *system_ssh.OPTIONS, *system_ssh.NO_QUESTIONS, "--", route.destination, remote)
    with tempfile.NamedTemporaryFile(prefix="emeth-ssh-") as said:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                limit=_READ_LIMIT_BYTES,
            )
        except OSError as error:
            raise LineFailed(NoSsh(route.ssh[0], error.strerror or ""), final=True) from error
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
        frames: FrameReader[FromKeeper] = FrameReader(process.stdout, FromKeeper)
        try:
            host = system_ssh.host_of(route.destination)
            yield Line(frames, FrameWriter(process.stdin), process, said, host)
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        process.terminate()
    with anyio.move_on_after(END_LIMIT_S, shield=True):
        await process.wait()
