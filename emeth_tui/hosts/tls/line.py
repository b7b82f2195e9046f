"""A line to a keeper over mutual TLS: the relay's operation `frames`, on a connection that the link makes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec
from distributed.comm.core import FatalCommClosedError
from distributed.core import rpc

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.keeper.server import installed_versions
from emeth_tui.hosts.link.line import Line, LineFailed
from emeth_tui.hosts.link.link import HELLO_LIMIT_S
from emeth_tui.hosts.messages import FromKeeper
from emeth_tui.hosts.reasons import read_reason
from emeth_tui.hosts.tls.names import FRAMES, dns_name
from emeth_tui.hosts.tls.pump import pump
from emeth_tui.hosts.tls.scheduler import Guest
from emeth_tui.hosts.tls.serving import Refusal, connection_options
from emeth_tui.hosts.tls.wire import Peer, PlainTLS, RefusedMessage
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.breaches import CertificateReplaced, NoRelaysAnswer
from emeth_tui.notices.reasons.network.host import (
    HostLineDropped,
    HostNotReached,
    HostRulesBroken,
    KeeperNotStarted,
    NotJoined,
)
from emeth_tui.notices.reasons.worker import ProcessSilent

_READ_LIMIT_BYTES = 1 << 20
MSGPACK = ["msgpack"]


@asynccontextmanager
async def tls_line(guest: Guest, context: ssl.SSLContext) -> AsyncIterator[Line]:
    """Connect to a host's relay once that is registered. Raise LineFailed."""
    if not guest.there.is_set():
        raise LineFailed(NotJoined(), until=guest.there)
    remote = rpc(
        guest.address,
        serializers=MSGPACK,
        deserializers=MSGPACK,
        connection_args=connection_options(context, dns_name(guest.name)),
    )
    try:
        comm = await _opened(remote, guest)
        near, far = socket.socketpair()
        pumping = asyncio.create_task(pump(comm, *await asyncio.open_connection(sock=far)))
        reader, writer = await asyncio.open_connection(sock=near, limit=_READ_LIMIT_BYTES)
        try:
            frames: FrameReader[FromKeeper] = FrameReader(reader, FromKeeper)
            yield Line(frames, FrameWriter(writer), lambda: _failure(pumping))
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)
            writer.close()
    finally:
        remote.close_comms()


async def _opened(remote: rpc, guest: Guest) -> PlainTLS:
    """Return a connection to the host's keeper. Raise LineFailed."""
    with anyio.move_on_after(HELLO_LIMIT_S):
        return await _asked(remote, guest)
    raise LineFailed(ProcessSilent(HELLO_LIMIT_S))


async def _asked(remote: rpc, guest: Guest) -> PlainTLS:
    try:
        comm: PlainTLS = await remote.live_comm()
        if comm.peer != Peer(dns_name(guest.name), guest.certificate):
            raise LineFailed(HostRulesBroken(CertificateReplaced()))
        await comm.write({"op": FRAMES, "versions": msgspec.to_builtins(installed_versions())})
        answer = await comm.read()
    except RefusedMessage as error:
        raise LineFailed(HostRulesBroken(error.reason)) from error
    except FatalCommClosedError as error:
        raise LineFailed(HostRulesBroken(Foreign(one_line(error.__cause__ or error)))) from error
    except OSError as error:
        raise LineFailed(HostNotReached(one_line(error))) from error
    match answer:
        case {"status": "OK"}:
            return comm
        case {"status": "error", "text": str(text)}:
            reason = read_reason(answer.get("reason"))
            # A relay of another version says it in a text, and any other reason was made up.
            known = isinstance(reason, KeeperNotStarted)
            raise LineFailed(HostNotReached(reason if known else one_line(text)))
    raise LineFailed(HostRulesBroken(NoRelaysAnswer()))


async def _failure(pumping: asyncio.Task[None]) -> LineFailed:
    """Return why a line ended: what was refused, or nothing in particular."""
    await asyncio.wait([pumping])
    error = None if pumping.cancelled() else pumping.exception()
    if isinstance(error, (Refusal, RefusedMessage)):
        return LineFailed(HostRulesBroken(error.reason))
    return LineFailed(HostLineDropped())
