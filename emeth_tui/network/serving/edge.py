"""What every request passes first: whose it is, whether there is room for it, and how it went."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from ipaddress import IPv6Network, ip_address, ip_network

import anyio
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emeth_tui.network.serving.metrics import Metrics
from emeth_tui.network.serving.rate_limit import RateLimit

_logger = logging.getLogger("emeth_tui.network.access")
SILENCE_S = 60.0  # in the middle of a body: such a client counts as gone
LEAST_BYTES_PER_S = 20_000  # of a body, once it has come for SILENCE_S: 200 MB have 2.8 hours
_OF_ONE_CONNECTION = 64  # bits of an IPv6 address that a provider fixes; its customer chooses the others
UNLIMITED_PATHS = frozenset({"/healthz"})


class Proxies:
    """The reverse proxies whose word on a client's address counts; everybody else's is ignored."""

    def __init__(self, ranges: Sequence[str]) -> None:
        self._ranges = [ip_network(one) for one in ranges]

    def client_of(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return who asks: the last address in X-Forwarded-For that is no proxy of ours."""
        hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
        client = peer
        while self._trusts(client) and hops:
            client = hops.pop()
        return client if _is_address(client) else peer

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in one for one in self._ranges)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _party(client: str) -> str:
    """Return whom a limit is for: an address, or the /64 of an IPv6 one, all of which is one connection's."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if address.version == 4 or address.ipv4_mapped:
        return client
    return str(IPv6Network((int(address), _OF_ONE_CONNECTION), strict=False))


class Edge:
    """Stands before an application: names the client, limits it, counts and logs each request.

    A log line has the path alone: the rest of a presigned URL is a key to what it names.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies, limit: RateLimit, metrics: Metrics) -> None:
        self._app = app
        self._proxies = proxies
        self._limit = limit
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else ""
        client = self._proxies.client_of(peer, Headers(scope=scope).getlist("x-forwarded-for"))
        started_s, seen = time.monotonic(), _Seen(send)
        try:
            wait_s = 0.0 if scope["path"] in UNLIMITED_PATHS else self._limit.take(_party(client))
            if wait_s:
                self._metrics.limited("address")
                await too_many(wait_s)(scope, receive, seen)
            else:
                await self._app({**scope, "client": (client, 0)}, _Bodies(receive), seen)
        finally:
            took_s = time.monotonic() - started_s
            self._metrics.answered(scope["method"], scope["path"], seen.status, took_s)
            _logger.info(
                "%s %s %d",
                scope["method"],
                scope["path"],
                seen.status,
                extra={"client": client, "status": seen.status, "took_ms": round(took_s * 1_000, 1)},
            )


def too_many(wait_s: float) -> JSONResponse:
    """Answer that a party asks too often, and when it may again."""
    seconds = max(1, math.ceil(wait_s))
    return JSONResponse(
        {"error": f"too many requests: again in {seconds} s"}, 429, {"retry-after": str(seconds)}
    )


class _Bodies:
    """A `receive` for which a client has hung up when its body stops, or comes too slowly as a whole."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False
        self._began_s = 0.0
        self._size_bytes = 0

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()
        self._began_s = self._began_s or time.monotonic()
        due_s = self._began_s + SILENCE_S + self._size_bytes / LEAST_BYTES_PER_S
        with anyio.move_on_after(max(0.0, min(SILENCE_S, due_s - time.monotonic()))):
            message = await self._receive()
            self._is_whole = not message.get("more_body", False)
            self._size_bytes += len(message.get("body", b""))
            return message
        return {"type": "http.disconnect"}


class _Seen:
    """A `send` that remembers the status; 499 where the connection broke before there was one."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        await self._send(message)
