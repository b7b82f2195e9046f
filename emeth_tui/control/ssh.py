"""The control socket of another machine's node, over the system's ssh.

The far end is `emeth-tui relay`, which knows by itself where its node listens. ssh is asked for nothing but a
pair of streams, so it keeps its own configuration, keys, agent and questions. It may ask its questions on the
terminal while there is no screen yet; when a line that dropped is made anew, it may not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from emeth_tui.control import wire
from emeth_tui.control.connection import Connection, ConnectionBroken, talk
from emeth_tui.engine.events import JobProgress
from emeth_tui.errors import ControlError, EmethError, ExitCode, NotRunning, SshError
from emeth_tui.foreign_text import system_text
from emeth_tui.model import AskedAt
from emeth_tui.notices.event import Event
from emeth_tui.notices.reasons import control as why
from emeth_tui.transport import ssh as system_ssh
from emeth_tui.transport.ssh_process import SshProcess, running_ssh

AGAIN_LIMIT_S = 20.0  # for a line made anew; the first may wait for a password
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
            ssh = await self._start(stack, () if may_ask else system_ssh.NO_QUESTIONS)
            try:
                talking = talk(*ssh.streams, AskedAt.ATTACHED_SCREEN, on_news, hello_limit_s=limit_s)
                connection = await stack.enter_async_context(talking)
            except ConnectionBroken as error:
                raise await self._failure(ssh) from error
            yield connection

    async def _start(self, stack: AsyncExitStack, more: tuple[str, ...]) -> SshProcess:
        remote = f"{self.remote_command} relay"
        words = (*self.ssh, *system_ssh.OPTIONS, *more, "--", self.destination, remote)
        try:
            return await stack.enter_async_context(running_ssh(words, wire.MAX_ANSWER_BYTES))
        except OSError as error:
            raise SshError(why.NoSsh(self.ssh[0], system_text(error))) from error

    async def _failure(self, ssh: SshProcess) -> EmethError:
        """Return why there is no line: ssh's own reason, or what the far end says."""
        status, reason = await ssh.end()
        if status == system_ssh.FAILED:
            kind = SshError if any(refusal in reason for refusal in system_ssh.FINAL) else LineDropped
            return kind(why.SshFailed(self.host, reason))
        if status == system_ssh.NOT_FOUND:
            return ControlError(why.NotInstalledThere(self.host, reason))
        if status == ExitCode.NOT_RUNNING:
            return NotRunning(why.FarEndSays(self.host, reason))
        if not reason and status is not None:
            return ControlError(why.FarEndLeft(self.host, status))
        return ControlError(why.FarEndSays(self.host, reason))
