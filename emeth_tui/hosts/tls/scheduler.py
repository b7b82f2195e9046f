"""dask's scheduler on the node's machine: it knows which hosts are there, and nothing else that they say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from distributed import Scheduler
from distributed.versions import get_versions

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.tls.names import Place, dns_name, tls_address
from emeth_tui.hosts.tls.serving import NO_ANSWER, FewOperations, OwnSecurity, Refusal
from emeth_tui.hosts.tls.wire import Peer, PlainTLS
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.breaches import CertificateReplaced, OtherCertificate, OtherHostName

HEARTBEAT_EVERY_S = 10.0


@dataclass(slots=True)
class Guest:
    """A host that may come: where its relay listens, and its certificate's digest."""

    name: str
    place: Place
    certificate: str
    refused: Callable[[Reason], None]
    there: asyncio.Event = field(default_factory=asyncio.Event)
    stream: PlainTLS | None = None  # the connection by which it registered
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        """Where its relay is, as dask writes it."""
        return tls_address(self.place.address, self.place.port)


class HostsScheduler(FewOperations, Scheduler):  # type: ignore[misc]
    """The scheduler with four operations. It never reaches out by itself, and gives no work."""

    stream_operations = frozenset({"keep-alive", "log-event", "worker-status-change"})  # heard, and dropped

    def __init__(self, port: int, security: OwnSecurity) -> None:
        """Listen on all addresses, once started."""
        self.guests: dict[str, Guest] = {}  # by the name in the certificate
        self.operations = {
            "identity": self._identity,
            "register-worker": self._register,
            "heartbeat_worker": self._heartbeat,
            "unregister": self._unregister,
        }
        nothing_else: dict[str, Any] = {"dashboard": False, "extensions": {}, "needs_workdir": False}
        super().__init__(port=port, protocol="tls", security=security, **nothing_else)
        self.close_down()
        del self.periodic_callbacks["monitor"]  # it reads /proc, where a confined link reads nothing

    def invite(self, guest: Guest) -> None:
        """Let a host come."""
        self.guests[dns_name(guest.name)] = guest

    async def dismiss(self, guest: Guest) -> None:
        """Have nothing to do with a host any more."""
        if self.guests.get(dns_name(guest.name)) is guest:
            del self.guests[dns_name(guest.name)]
        await self._leave(guest)

    # -- what `FewOperations` asks for

    def admit(self, peer: Peer) -> None:
        """Raise Refusal unless a host of ours is there with the certificate that it was given last."""
        guest = self.guests.get(peer.dns_name)
        if guest is None:
            raise Refusal(OtherCertificate(one_line(repr(peer.dns_name))))
        if guest.certificate != peer.sha256:
            raise Refusal(CertificateReplaced())

    def refused(self, peer: Peer, reason: Reason) -> None:
        """Report to the node what a host was refused; those that are none of ours are not reported."""
        if (guest := self.guests.get(peer.dns_name)) is not None:
            guest.refused(reason)

    # -- operations

    async def _identity(self, _comm: PlainTLS, _message: dict[str, Any]) -> dict[str, Any]:
        return {"type": "Scheduler", "id": str(self.id), "workers": {}}

    async def _heartbeat(self, _comm: PlainTLS, _message: dict[str, Any]) -> dict[str, Any]:
        return {"status": "OK", "time": time.time(), "heartbeat-interval": HEARTBEAT_EVERY_S}

    async def _unregister(self, comm: PlainTLS, _message: dict[str, Any]) -> str:
        await self._leave(self.guests[comm.peer.dns_name])
        return "OK"

    async def _register(self, comm: PlainTLS, message: dict[str, Any]) -> object:
        """Note that a host is there. What it says of itself is not kept: its place is the node's to know."""
        guest = self.guests[comm.peer.dns_name]
        if message.get("name") != guest.name:
            raise Refusal(OtherHostName(one_line(repr(str(message.get("name"))[:60]))))
        await self._leave(guest)  # an older connection may hang in a network that is gone
        guest.stream = comm
        guest.over.clear()
        guest.there.set()
        try:
            await self.add_worker(comm, **_as_we_know_it(guest))
        finally:
            await self.remove_worker(guest.address, stimulus_id="emeth-tui", close=False)
            guest.there.clear()
            guest.stream = None
            guest.over.set()
        return NO_ANSWER

    def heartbeat_worker(self, **_said: object) -> dict[str, Any]:
        """Keep nothing of what a host says about its load."""
        return {"status": "OK", "time": time.time(), "heartbeat-interval": HEARTBEAT_EVERY_S}

    async def _leave(self, guest: Guest) -> None:
        while guest.stream is not None:
            guest.stream.abort()
            await guest.over.wait()


def _as_we_know_it(guest: Guest) -> dict[str, Any]:
    return {
        "address": guest.address,
        "resolve_address": False,
        "status": "running",
        "server_id": guest.name,
        "nthreads": 1,
        "name": guest.name,
        "now": time.time(),
        "resources": {},
        "memory_limit": 0,
        "metrics": {},
        "services": {},
        "local_directory": "",
        "versions": get_versions(),
        "nanny": "",
        "extra": {},
        "stimulus_id": "emeth-tui",
    }
