"""A node's link process, and the ways to attack what listens there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from emeth_tui.hosts.node.book import Host
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.links import Links, way_to
from emeth_tui.hosts.node.tls_link import DIRECTORY
from emeth_tui.hosts.tls.contexts import TlsFiles
from emeth_tui.hosts.tls.names import NODE_DNS_NAME, Place
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.host import NotReachedYet
from tests.hosts.far import NODE, run_connection
from tests.hosts.tls.intruder import LIMIT_S, Intruder, intruding

Act = Callable[[Intruder], None]
REGISTER = {"op": "register-worker", "name": "b", "reply": False, "address": "tls://10.9.9.9:1"}


@dataclass
class Network:
    """A node's link process, and what it says of host b."""

    directory: Path
    host: Host
    links: Links
    refused: list[Reason] = field(default_factory=list)

    @property
    def files(self) -> TlsFiles:
        return TlsFiles(self.directory / DIRECTORY)

    @property
    def here(self) -> Place:
        assert self.host.tls is not None
        return self.host.tls.here

    @property
    def place(self) -> Place:
        assert self.host.tls is not None
        return self.host.tls.place

    @property
    def certificate(self) -> Path:
        return self.directory / "b.emeth"

    @property
    def mark(self) -> Path:
        """Is there once anything was executed."""
        return self.directory / "executed"

    @property
    def link_pid(self) -> int:
        """The link's process."""
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
                if b"emeth_tui.hosts.tls.process" in words and str(self.files.directory).encode() in words:
                    return int(entry.name)
        raise AssertionError

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[HostConnection]:
        """The node's connection to b; the link process is there."""
        open_link = self.links.over("b", way_to(self.host, NODE), lambda: self.host)
        connection = HostConnection(
            "b", open_link, list, lambda *_: None, lambda _host, reason: self.refused.append(reason)
        )
        async with run_connection(connection):
            await away(connection, NotReachedYet)
            yield connection

    def intrude(self, act: Act, *, greet: bool = True) -> None:
        """Connect to the scheduler with b's certificate, and be shown the door."""
        with intruding(self.here, self.certificate, NODE_DNS_NAME) as intruder:
            if greet:
                intruder.greet()
            act(intruder)
            assert intruder.is_shown_the_door()

    def pretend(self, act: Act, certificate: Path | None = None, *, greet: bool = True) -> None:
        """Register as b, be b's relay for one connection, and be shown the door."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.certificate)
        with (
            socket.create_server((self.place.address, self.place.port)) as listening,
            intruding(self.here, self.certificate, NODE_DNS_NAME) as registered,
        ):
            registered.greet()
            registered.send(REGISTER)
            assert registered.receive()["status"] == "OK"
            listening.settimeout(LIMIT_S)
            plain, _address = listening.accept()
            plain.settimeout(LIMIT_S)
            with plain, context.wrap_socket(plain, server_side=True) as stream:
                intruder = Intruder(stream)
                if greet:
                    intruder.greet()
                    assert intruder.receive()["op"] == "frames"
                act(intruder)
                assert intruder.is_shown_the_door()


async def away(connection: HostConnection, *passing: type[Reason]) -> Reason:
    """Return why the host is away, once that is for another reason than these."""
    with anyio.fail_after(LIMIT_S):
        while isinstance(connection.away_because, (*passing, type(None))):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
    assert connection.away_because is not None
    return connection.away_because
