"""dask's servers with a handful of operations, each for those alone whose certificate allows it."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from distributed.comm.core import CommClosedError
from distributed.core import AsyncTaskGroupClosedError, NoOpAwaitable  # type: ignore[attr-defined]
from distributed.security import Security

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.tls.wire import Peer, PlainTLS, RefusedMessage
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.breaches import UnknownOperation

Operation = Callable[[PlainTLS, dict[str, Any]], Awaitable[Any]]
NO_ANSWER = object()
log = logging.getLogger(__name__)


class Refusal(Reasoned):
    """The other side asks for what it may not have."""


class OwnSecurity(Security):
    """Two contexts of our own in the place of those that dask makes, which check no name."""

    __slots__ = ("_listening", "_others_name", "_reaching")

    def __init__(self, reaching: ssl.SSLContext, listening: ssl.SSLContext, others_name: str) -> None:
        """Reach what has a certificate of this name, and nothing else."""
        super().__init__(require_encryption=True)
        self._reaching = reaching
        self._listening = listening
        self._others_name = others_name

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Return how connections are made."""
        return connection_options(self._reaching, self._others_name)

    def get_listen_args(self, role: str) -> dict[str, Any]:
        """Return how connections are accepted."""
        return {"ssl_context": self._listening, "require_encryption": True}


def connection_options(context: ssl.SSLContext, others_name: str) -> dict[str, Any]:
    """Return dask's options for a connection to the one that has a certificate of this name."""
    return {"ssl_context": context, "require_encryption": True, "server_hostname": others_name}


class FewOperations:
    """In front of a server of dask's: what is no operation of ours ends the connection, and is reported."""

    operations: dict[str, Operation]
    stream_operations: frozenset[str] = frozenset()
    _ongoing_background_tasks: Any
    handlers: dict[str, Any]
    stream_handlers: dict[str, Any]

    def close_down(self) -> None:
        """Forget every handler of dask's but those of our operations."""
        self.handlers.clear()
        self.handlers.update(self.operations)
        for name in set(self.stream_handlers) - self.stream_operations:
            del self.stream_handlers[name]

    def admit(self, peer: Peer) -> None:
        """Raise Refusal for those who have no business here."""
        raise NotImplementedError

    def refused(self, peer: Peer, reason: Reason) -> None:
        """Report what was refused."""
        raise NotImplementedError

    def start_http_server(self, *_arguments: object, **_options: object) -> None:
        """Serve no pages."""

    def handle_comm(self, comm: PlainTLS) -> NoOpAwaitable:
        """Serve a connection in a task of its own."""
        try:
            self._ongoing_background_tasks.call_soon(self._serve, comm)
        except AsyncTaskGroupClosedError:
            comm.abort()
        return NoOpAwaitable()

    async def _serve(self, comm: PlainTLS) -> None:
        with self._until_refused(comm):
            self.admit(comm.peer)
            if comm.refusal is not None:
                raise RefusedMessage(comm.refusal)
            while not comm.closed():
                message = await comm.read()
                self.admit(comm.peer)  # it may be another by now
                await self._answer(comm, message)

    @contextmanager
    def _until_refused(self, comm: PlainTLS) -> Iterator[None]:
        """End a connection afterwards; report what was refused in it."""
        try:
            yield
        except (Refusal, RefusedMessage) as error:
            self.refused(comm.peer, error.reason)
        except CommClosedError:
            pass
        finally:
            comm.abort()

    async def _answer(self, comm: PlainTLS, message: Any) -> None:
        name = message.pop("op", None) if isinstance(message, dict) else None
        if name == "close":
            comm.abort()
            return
        operation = self.operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise Refusal(UnknownOperation(one_line(repr(str(name)[:60]))))
        answer = await operation(comm, message)
        if answer is not NO_ANSWER and message.get("reply", True) is True:
            await comm.write(answer)

    async def handle_stream(self, comm: PlainTLS, extra: dict[str, Any] | None = None) -> None:
        """Take the messages of a stream: a list of operations at a time."""
        with self._until_refused(comm):
            while True:
                messages = await comm.read()
                for message in messages if isinstance(messages, list) else [messages]:
                    name = message.get("op") if isinstance(message, dict) else None
                    if name == "close-stream":
                        return
                    if not isinstance(name, str) or name not in self.stream_operations:
                        raise Refusal(UnknownOperation(one_line(repr(str(name)[:60]))))
                    await self.streamed(name)

    async def streamed(self, name: str) -> None:
        """Do what a message of the stream asks for."""
