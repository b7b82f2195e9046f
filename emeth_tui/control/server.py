"""The node's side of the control socket: it lets other processes of its user in, and says goodbye.

Without clients there is only a listening socket: no task, no timer, no subscription. With clients, the node
comes first: questions and quick commands are taken one at a time with pauses in between, lines are bounded,
and a client that does not read in time is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import anyio

from emeth_tui import __version__
from emeth_tui.control import wire
from emeth_tui.control.answers import Answers, ShownNode
from emeth_tui.control.commands import CommandedNode, Commands
from emeth_tui.control.session import Session
from emeth_tui.control.wire import Hello
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.control import TooManyClients
from emeth_tui.transport.local_socket import listening_socket, remove_socket

MAX_CLIENTS = 16
COMMANDS_LIMIT_S = 5.0  # for those under way when the node ends
GOODBYE_LIMIT_S = 1.0  # for all clients together
_CREDENTIALS = struct.Struct("3i")  # struct ucred, unix(7): process, user, group
logger = logging.getLogger(__name__)


class ControlledNode(ShownNode, CommandedNode, Protocol):
    """A node that clients look at and command (engine.node)."""


@asynccontextmanager
async def serve_control(directory: Path, node: ControlledNode) -> AsyncIterator[ControlServer]:
    """Let other processes view and command a node while the body runs, and say goodbye to them at its end.

    Call it while holding the state lock. If the socket cannot be created, log that and go on without.
    """
    control = ControlServer(node, directory)
    await control.listen()
    try:
        yield control
    finally:
        await control.close()


class ControlServer:
    """Serves every client of one node."""

    def __init__(self, node: ControlledNode, directory: Path) -> None:
        self._node = node
        self._directory = directory
        self._hello = Hello(wire.PROTOCOL, __version__, os.getpid(), time.time())
        self._answers = Answers(node)
        self._commands = Commands(node)
        self._server: asyncio.Server | None = None
        self._listening_again: asyncio.Task[None] | None = None
        self._sessions: dict[asyncio.Task[Any], Session] = {}

    async def listen(self) -> None:
        """Create the socket and serve whoever connects; without one, nobody is served."""
        try:
            listening = listening_socket(self._directory)
        except OSError as error:
            logger.warning(
                "%s: no control socket: %s; other processes cannot view this node", self._directory, error
            )
            return
        # From Python 3.13 on, asyncio would look for the socket by its address, which is no longer valid.
        own_cleanup: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        self._server = await asyncio.start_unix_server(
            self.serve, sock=listening, limit=wire.MAX_REQUEST_BYTES, **own_cleanup
        )

    def listen_again(self) -> None:
        """Create the socket anew: the old one's directory was removed. Clients that are here stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._listening_again = asyncio.create_task(self.listen())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves, or is dropped."""
        task, peer = asyncio.current_task(), _peer(writer)
        # Whatever the socket's mode has become, only the node's own user gets in.
        if task is None or peer.uid != os.geteuid():
            writer.transport.abort()
            return
        if len(self._sessions) >= MAX_CLIENTS:
            writer.write(wire.line({"error": to_data(TooManyClients(MAX_CLIENTS))}))
            writer.close()
            return
        session = self._sessions[task] = Session(
            reader,
            writer,
            self._answers,
            self._commands,
            self._node,
            pid=peer.pid,
            user=_user_name(peer.uid),
        )
        try:
            await session.run(self._hello)
        except asyncio.CancelledError:
            pass  # `close` cancels it; this is the top of the task
        except Exception:
            logger.exception("a client of the control socket is dropped: internal error")
        finally:
            del self._sessions[task]
            session.drop()

    async def close(self) -> None:
        """Send every client the last events and a goodbye, and close its connection and the socket."""
        if self._listening_again is not None:
            await asyncio.wait({self._listening_again})
        if self._server is not None:
            self._server.close()
            remove_socket(self._directory)
        await self._commands.end(COMMANDS_LIMIT_S)
        sessions = dict(self._sessions)
        if not sessions:
            return
        with anyio.move_on_after(GOODBYE_LIMIT_S):
            await asyncio.gather(*(session.say_goodbye() for session in sessions.values()))
        for task in sessions:
            task.cancel()
        await asyncio.wait(sessions)


@dataclass(frozen=True, slots=True)
class _Peer:
    """The process at the other end when it connected, as the system knows it."""

    pid: int
    uid: int


def _peer(writer: asyncio.StreamWriter) -> _Peer:
    connection: socket.socket = writer.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(credentials)
    return _Peer(pid, uid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # of a container, say
        return str(uid)
