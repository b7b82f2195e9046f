"""dask's TLS, without its serialisation: a message is one frame of plain msgpack, and of bounded length.

dask.distributed unpickles what a frame says is pickled, whatever its settings are. So the class that reads
and writes its messages is one of ours, for addresses that begin with `tls://`; there are no others.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import ssl
import struct
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import dask
import msgspec
from distributed.comm import registry
from distributed.comm.core import Comm, CommClosedError
from distributed.comm.tcp import TLS, TLSBackend, TLSConnector, TLSListener
from tornado.iostream import IOStream, StreamClosedError

from emeth_tui.foreign_text import one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.breaches import (
    MessageTooLong,
    MessageUnreadable,
    NoGreeting,
    NotOneFrame,
    TooManyConnections,
)
from emeth_tui.words.sentences import english

MAX_MESSAGE_BYTES = 64 * 1024  # of a request or an answer; `pump` allows for its pieces
MAX_CONNECTIONS = 32  # with one certificate
_HANDSHAKE_LIMIT_S = 15.0  # also for a greeting
_MAX_HANDSHAKES = 64
_LENGTH = struct.Struct("Q")  # dask's: of what follows, by the byte order of the machine
_ONE_FRAME = struct.Struct("QQ")  # how many frames, and the length of the only one
_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode
SETTINGS: dict[str, object] = {
    "distributed.comm.timeouts.tcp": "300s",  # a cut of minutes loses nothing; silence is noticed by the link
    "distributed.comm.timeouts.connect": "10s",
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.preload": [],
    "distributed.worker.preload": [],
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.allowed-imports": [],
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.diagnostics.nvml": False,  # no driver in a process that speaks with strangers
    "distributed.admin.tick.interval": "10s",
    "distributed.admin.tick.limit": "60s",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Whose certificate the other side has: its only DNS name, "" without, and its digest."""

    dns_name: str
    sha256: str


class RefusedMessage(CommClosedError):
    """The other side sent what is no message of ours."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(english(reason))
        self.reason = reason


class PlainTLS(TLS):
    """A connection whose messages are plain msgpack."""

    peer = Peer("", "")
    refusal: Reason | None = None  # why it was not greeted, or what came in the place of a greeting
    limit_bytes = MAX_MESSAGE_BYTES
    _greeted = False

    def _read_extra(self) -> None:
        super()._read_extra()
        if self.stream is not None and self.stream.socket is not None:
            self.peer = _peer(self.stream)

    async def read(self, deserializers: object = None) -> Any:
        """Return the next message. Raise CommClosedError; RefusedMessage is one."""
        if self.stream is None:
            raise CommClosedError
        try:
            (length,) = _LENGTH.unpack(await self.stream.read_bytes(_LENGTH.size))
            if length > self.limit_bytes:
                raise RefusedMessage(MessageTooLong(self.limit_bytes))
            if length < _ONE_FRAME.size:
                raise RefusedMessage(NotOneFrame())
            body = await self.stream.read_bytes(length)
            message = self._decoded(body)
        except StreamClosedError as error:
            self.abort()
            raise CommClosedError(one_line(error)) from error
        except BaseException:
            self.abort()
            raise
        self._greeted = True
        return message

    async def write(self, msg: Any, serializers: object = None, on_error: object = None) -> int:
        """Send a message, and wait until the system has taken it. Raise CommClosedError."""
        if self.stream is None:
            raise CommClosedError
        frame = _encode(msg)
        head = _LENGTH.pack(_ONE_FRAME.size + len(frame)) + _ONE_FRAME.pack(1, len(frame))
        try:
            await self.stream.write(head + frame)
        except StreamClosedError as error:
            self.abort()
            raise CommClosedError(one_line(error)) from error
        except BaseException:
            self.abort()
            raise
        return len(frame)

    def _decoded(self, body: bytes) -> Any:
        frames, length = _ONE_FRAME.unpack_from(body)
        if frames != 1 or length != len(body) - _ONE_FRAME.size:
            raise RefusedMessage(NotOneFrame())
        try:
            message = _decode(memoryview(body)[_ONE_FRAME.size :])
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            begins = body[_ONE_FRAME.size :][:40]
            raise RefusedMessage(MessageUnreadable(one_line(repr(begins)), one_line(error))) from error
        if not self._greeted and not _is_greeting(message):
            raise RefusedMessage(NoGreeting())
        return message


class _Connector(TLSConnector):
    comm_class = PlainTLS

    async def connect(self, address: str, *arguments: Any, **options: Any) -> Comm:
        """Connect. Raise OSError, also where the other side hangs up before TLS begins."""
        try:
            return await super().connect(address, *arguments, **options)  # type: ignore[no-any-return]
        except ValueError as error:  # tornado's, of a stream that is closed by then
            raise CommClosedError(f"{address}: {os.strerror(errno.ECONNRESET)}") from error


class _Listener(TLSListener):
    """Strangers get a few seconds and a few places for their handshakes; so does each certificate."""

    comm_class = PlainTLS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._handshakes = 0
        self._accepted: WeakSet[PlainTLS] = WeakSet()

    async def on_connection(self, comm: Comm, handshake_overrides: dict[str, Any] | None = None) -> None:
        """Greet; what is refused is left to who serves the connection, and reports it."""
        assert isinstance(comm, PlainTLS)  # noqa: S101 - the class of every connection here
        if sum(each.peer == comm.peer and not each.closed() for each in self._accepted) >= MAX_CONNECTIONS:
            comm.refusal = TooManyConnections(MAX_CONNECTIONS)
            return
        self._accepted.add(comm)
        give_up = asyncio.get_running_loop().call_later(_HANDSHAKE_LIMIT_S, comm.abort)
        try:
            await super().on_connection(comm, handshake_overrides)
        except RefusedMessage as error:
            comm.refusal = error.reason
        finally:
            give_up.cancel()

    async def _prepare_stream(self, stream: IOStream, address: str) -> IOStream | None:
        if self._handshakes >= _MAX_HANDSHAKES:
            stream.close()
            return None
        self._handshakes += 1
        give_up = stream.io_loop.call_later(_HANDSHAKE_LIMIT_S, stream.close)
        try:
            prepared: IOStream | None = await super()._prepare_stream(stream, address)
            return prepared
        finally:
            stream.io_loop.remove_timeout(give_up)
            self._handshakes -= 1


class _Backend(TLSBackend):
    _connector_class = _Connector
    _listener_class = _Listener


def put_in_place() -> None:
    """Have dask speak plain msgpack over TLS and nothing else, by these settings and no file's."""
    dask.config.refresh(paths=[], env={})
    dask.config.set(SETTINGS)
    registry.backends.clear()
    registry.backends["tls"] = _Backend()


def _peer(stream: IOStream) -> Peer:
    connected: Any = stream.socket
    if not isinstance(connected, ssl.SSLSocket):
        return Peer("", "")
    certificate: Any = connected.getpeercert() or {}
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    content = connected.getpeercert(binary_form=True) or b""
    return Peer(names[0] if len(names) == 1 else "", hashlib.sha256(content).hexdigest())


def _is_greeting(message: object) -> bool:
    return (
        isinstance(message, dict)
        and isinstance(message.get("pickle-protocol"), int)
        and isinstance(message.get("compression"), str | None)
    )
