"""The control socket of another machine's node, over the system's ssh.

The far end is `emeth-tui relay`, which knows by itself where its node listens. ssh is asked for nothing but a
pair of streams, so it keeps its own configuration, keys, agent and questions. It may ask its questions on the
terminal while there is no screen yet; when a line that dropped is made anew, it may not.
"""

from __future__ import annotations

import asyncio
import re
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
from emeth_tui.foreign_text import one_line
from emeth_tui.model import AskedAt
from emeth_tui.notices.event import Event
from emeth_tui.notices.reasons import control as why

REMOTE_COMMAND = 'PATH="$PATH:$HOME/.local/bin" emeth-tui'
AGAIN_LIMIT_S = 20.0  # for a line made anew; the first may wait for a password
END_LIMIT_S = 2.0
KEPT_CHARS = 300  # of what ssh says
_SSH_FAILED, _NOT_FOUND = 255, 127  # exit statuses: ssh(1), and a shell's
# What a second try would not change, and many tries would lock the user out for.
_FINAL = ("Permission denied", "Too many authentication failures", "Host key verification failed")
_OPTIONS = (
    "-T",
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "-o", "ClearAllForwardings=yes"),
)
_DESTINATION = re.compile(r"(ssh://)?[^\s\x00-\x1f-][^\s\x00-\x1f]*")
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
    remote_command: str = REMOTE_COMMAND

    def check(self) -> None:
        """Raise SshError for what ssh would take for an option, or for several words."""
        if not _DESTINATION.fullmatch(self.destination):
            raise SshError(why.NoDestination(self.destination))

    @property
    def host(self) -> str:
        """The machine as people name it."""
        return self.destination.removeprefix("ssh://").rpartition("@")[2]

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
            process = await self._start(said, () if may_ask else ("-o", "BatchMode=yes"))
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
        words = (*self.ssh, *_OPTIONS, *more, "--", self.destination, f"{self.remote_command} relay")
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
        reason = _reason(said)
        if process.returncode == _SSH_FAILED:
            kind = SshError if any(refusal in reason for refusal in _FINAL) else LineDropped
            return kind(why.SshFailed(self.host, reason))
        if process.returncode == _NOT_FOUND:
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


def _reason(said: IO[bytes]) -> str:
    """Return the last line that ssh or the far end wrote, and the one before if that names the host's key."""
    said.seek(0)
    text = said.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "@@@" not in line]
    if not lines:
        return ""
    key = [line for line in lines[:-1] if line.startswith("Host key for")]
    return one_line(" ".join([*key[-1:], lines[-1].removeprefix("emeth-tui: error: ")]), KEPT_CHARS)
