"""The control socket of another machine's node, over the system's ssh.

The far end is `emeth-tui relay`, which knows by itself where its node listens. ssh is asked for nothing but a
pair of streams, so it keeps its own configuration, keys, agent and questions. It may ask its questions on the
terminal while there is no screen yet; when a line that dropped is made anew, it may not.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import IO

import anyio

from emeth_tui.control import wire
from emeth_tui.control.connection import Connection, ConnectionBroken, talk
from emeth_tui.engine.events import JobProgress
from emeth_tui.errors import ControlError, EmethError, ExitCode, NotRunning, SshError
from emeth_tui.model import AskedAt
from emeth_tui.notices.event import Event
from emeth_tui.notices.reasons import control as why
from emeth_tui.transport import ssh as system_ssh

AGAIN_LIMIT_S = 20.0  # for a line made anew; the first may wait for a password
END_LIMIT_S = 2.0
OnNews = Callable[[Event | JobProgress], None]


class LineDropped(ConnectionBroken):
    """ssh itself has failed: it is tried again where there was a line before."""


@dataclass(frozen=True, slots=True)
class SshLine:
    """How to reach the node on `destination`, as ssh(1) takes one: `[user@]host` or `ssh://[user@]host[:port]`.

    `ssh` is the command with its own options, `remote_command` calls emeth-tui there.
    """

    destination: str
    ssh: tuple[str, ...] = ("ssh",)
    remote_command: str = system_ssh.REMOTE_COMMAND

    def check(self) -> None:
        """Raise SshError for what ssh would take for an option, or for several words."""
        if not system_ssh.is_destination(self.destination):
            raise SshError(why.NoDestination(self.destination))

    @property
    def host(self) -> str:
        """The machine as people name it."""
        return system_ssh.host_of(self.destination)

    def first(self, on_news: OnNews) -> AbstractAsyncContextManager[Connection]:
        """Connect, while ssh may ask on the terminal."""
        return self._connect(on_news, may_ask=True)

    def again(self, on_news: OnNews) -> AbstractAsyncContextManager[Connection]:
        """Connect anew, without a question."""
        return self._connect(on_news, may_ask=False)

    @asynccontextmanager
    async def _connect(self, on_news: OnNews, *, may_ask: bool) -> AsyncIterator[Connection]:
        limit_s = None if may_ask else AGAIN_LIMIT_S
        async with AsyncExitStack() as stack:
            said = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
            process = await self._start(said, () if may_ask else system_ssh.NO_QUESTIONS)
            stack.push_async_callback(_end, process)
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
            streams = process.stdout, process.stdin
            try:
                talking = talk(*streams, AskedAt.ATTACHED_SCREEN, on_news, hello_limit_s=limit_s)
                connection = await stack.enter_async_context(talking)
            except ConnectionBroken as error:
                raise await self._failure(process, said) from error
            yield connection

    async def _start(self, said: IO[bytes], more: tuple[str, ...]) -> asyncio.subprocess.Process:
        words = (
            *self.ssh,
            *system_ssh.OPTIONS,
            *more,
            "--",
            self.destination,
            f"{self.remote_command} relay",
        )
        try:
            return await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                limit=wire.MAX_ANSWER_BYTES,
            )
        except OSError as error:
            raise SshError(why.NoSsh(self.ssh[0], error.strerror or "")) from error

    async def _failure(self, process: asyncio.subprocess.Process, said: IO[bytes]) -> EmethError:
        """Return why there is no line: ssh's own reason, or what the far end says."""
        with anyio.move_on_after(END_LIMIT_S):
            await process.wait()
        said.seek(0)
        reason = system_ssh.reason(said.read())
        if process.returncode == system_ssh.FAILED:
            kind = SshError if any(refusal in reason for refusal in system_ssh.FINAL) else LineDropped
            return kind(why.SshFailed(self.host, reason))
        if process.returncode == system_ssh.NOT_FOUND:
            return ControlError(why.NotInstalledThere(self.host, reason))
        if process.returncode == ExitCode.NOT_RUNNING:
            return NotRunning(why.FarEndSays(self.host, reason))
        return ControlError(why.FarEndSays(self.host, reason or f"exit status {process.returncode}"))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        process.terminate()
    with anyio.move_on_after(END_LIMIT_S, shield=True):
        await process.wait()
