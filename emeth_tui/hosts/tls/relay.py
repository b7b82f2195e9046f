"""dask's worker on a host: it joins the node's connections to the keeper's socket, and knows nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
from distributed import Worker
from distributed.comm.core import connect

from emeth_tui.backoff import Backoff
from emeth_tui.errors import HostError
from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.keeper.place import KeeperPlace, Means
from emeth_tui.hosts.keeper.relay import keeper_connection
from emeth_tui.hosts.messages import Versions
from emeth_tui.hosts.tls.contexts import context_of
from emeth_tui.hosts.tls.invitation import Invitation, read_invitation
from emeth_tui.hosts.tls.names import FRAMES, NODE_DNS_NAME, tls_address
from emeth_tui.hosts.tls.pump import pump
from emeth_tui.hosts.tls.serving import (
    NO_ANSWER,
    FewOperations,
    OwnSecurity,
    Refusal,
    connection_options,
)
from emeth_tui.hosts.tls.wire import Peer, PlainTLS, put_in_place
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.breaches import MessageUnreadable, OtherCertificate
from emeth_tui.notices.reasons.network.host import (
    ConnectionToNodeEnded,
    InvitationOfOthers,
    InvitationUnreadable,
)
from emeth_tui.words.sentences import english

AGAIN = Backoff(0.5, 30.0)
REACH_LIMIT_S = 10.0
START_LIMIT_S = 30.0
log = logging.getLogger(__name__)
OnConnection = Callable[[Versions], None]


class Relay(FewOperations, Worker):  # type: ignore[misc]
    """The worker with two operations; it can compute nothing."""

    stream_operations = frozenset({"close", "remove-worker"})

    def __init__(
        self, invitation: Invitation, security: OwnSecurity, directory: str, serve: Callable[..., Any]
    ) -> None:
        self._serve_frames = serve
        self.operations = {"identity": self._identity, FRAMES: self._frames}
        super().__init__(
            tls_address(invitation.node_place.address, invitation.node_place.port),
            security=security,
            name=invitation.name,
            port=invitation.own_place.port,
            protocol="tls",
            contact_address=tls_address(invitation.own_place.address, invitation.own_place.port),
            nthreads=1,
            executor="offload",
            memory_limit=0,
            local_directory=directory,
            heartbeat_interval="10s",
            death_timeout=START_LIMIT_S,
            extensions={},
            metrics={},
            startup_information={},
        )
        self.close_down()

    def admit(self, peer: Peer) -> None:
        """Raise Refusal for all but the node."""
        if peer.dns_name != NODE_DNS_NAME:
            raise Refusal(OtherCertificate(one_line(repr(peer.dns_name))))

    def refused(self, peer: Peer, reason: Reason) -> None:
        """Log what was refused."""
        log.warning("refused, of %s: %s", peer.dns_name or "a stranger", english(reason))

    async def streamed(self, name: str) -> None:
        """End when the node says so."""
        if name == "close":
            await self.close(reason="the node closed the connection")

    async def _identity(self, _comm: PlainTLS, _message: dict[str, Any]) -> dict[str, Any]:
        return {"type": "Worker", "id": self.name}

    async def _frames(self, comm: PlainTLS, message: dict[str, Any]) -> object:
        await self._serve_frames(comm, message)
        return NO_ANSWER


class Joining:
    """A host's side: a relay in a loop, for as long as the process runs."""

    def __init__(
        self,
        invitation: Invitation,
        place: KeeperPlace,
        means: Means,
        on_connection: OnConnection,
        on_failure: Callable[[Reason], None],
    ) -> None:
        """`on_connection` hears the node's versions, and `on_failure` why it is not reached.

        Raise HostError when the file's certificates or key are none.
        """
        self._place = place
        self._means = means
        self._on_connection = on_connection
        self._on_failure = on_failure
        self._use(invitation)

    def _use(self, invitation: Invitation) -> None:
        path = invitation.path
        try:
            self._reaching = context_of(path, invitation.trusted, server=False)
            self._listening = context_of(path, invitation.trusted, server=True)
        except OSError as error:  # of which SSLError is one
            raise HostError(InvitationUnreadable(path, one_line(error))) from error
        self._invitation = invitation

    def _read_again(self) -> None:
        """Take up a new certificate: the file may be another by now. Without one, go on as before."""
        before = self._invitation
        try:
            invitation = read_invitation(before.path)
            if (invitation.name, invitation.node) != (before.name, before.node):
                raise HostError(InvitationOfOthers(before.path))
            self._use(invitation)
        except HostError as error:
            self._on_failure(error.reason)

    async def run(self) -> None:
        """Keep a relay registered with the node until this is cancelled."""
        put_in_place()
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._reach()
                await self._relay_once()
                self._on_failure(ConnectionToNodeEnded())
            # dask raises RuntimeError for what fails at its start, and asyncio's error after a limit.
            except (OSError, RuntimeError, asyncio.TimeoutError) as error:
                self._on_failure(Foreign(one_line(error.__cause__ or error)))
            failures = 1 if time.monotonic() - began > AGAIN.longest_s else failures + 1
            await anyio.sleep(AGAIN.delay_s(failures))
            self._read_again()

    async def _reach(self) -> None:
        """See that the node is there and lets us in; dask would try for ever, ten times a second."""
        node = self._invitation.node_place
        options = connection_options(self._reaching, NODE_DNS_NAME)
        comm = await connect(tls_address(node.address, node.port), REACH_LIMIT_S, **options)
        try:
            with anyio.fail_after(REACH_LIMIT_S):
                await comm.write({"op": "identity", "reply": True})
                await comm.read()
        finally:
            comm.abort()

    async def _relay_once(self) -> None:
        security = OwnSecurity(self._reaching, self._listening, NODE_DNS_NAME)
        self._place.relay.mkdir(mode=0o700, parents=True, exist_ok=True)
        relay = Relay(self._invitation, security, str(self._place.relay), self._serve)
        try:
            await relay
            await relay.finished()
        finally:
            await relay.close()

    async def _serve(self, comm: PlainTLS, message: dict[str, Any]) -> None:
        versions = _versions(message)
        try:
            connected = await asyncio.to_thread(keeper_connection, self._place, self._means)
        except HostError as error:
            said = {"text": english(error.reason), "reason": to_data(error.reason)}
            await comm.write({"status": "error", **said})
            return
        await comm.write({"status": "OK"})
        self._on_connection(versions)
        reader, writer = await asyncio.open_unix_connection(sock=connected)
        await pump(comm, reader, writer)


def _versions(message: dict[str, Any]) -> Versions:
    try:
        return msgspec.convert(message.get("versions"), Versions)
    except msgspec.ValidationError as error:
        said = one_line(repr(message.get("versions")))
        raise Refusal(MessageUnreadable(said, one_line(error))) from error
