"""URLs from a service's answers, and where they may lead.

A hostile storage could name this machine, a router or a cloud's metadata service in a presigned URL. So the
address that a request connects to must be a public one, unless the service itself lives there or the
network's profile allows the host. It is checked twice: what the name resolves to before connecting, and the
address that is really connected to before a byte is sent, because a name may resolve to another one by then.
Behind a proxy, names are resolved by the proxy; only addresses written into a URL are checked there.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import httpx

from emeth_tui.clients.http.connections import MAX_REDIRECTS
from emeth_tui.clients.http.exchange import ExchangeFailed
from emeth_tui.foreign_text import endpoint
from emeth_tui.notices.reasons.network import exchange as why

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Trace = Callable[[str, dict[str, Any]], Awaitable[None]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


class UrlRefused(ExchangeFailed):
    """A URL leads where none may lead; a fresh one may lead elsewhere."""


class UrlGuard:
    """Checks the URLs that the service at `home_url` gives. `further_hosts` may be anywhere."""

    def __init__(self, home_url: str, further_hosts: Iterable[str] = ()) -> None:
        self._home = _host(httpx.URL(home_url))
        self._further = frozenset(host.strip("[]").lower() for host in further_hosts)

    async def check(self, url: str) -> httpx.URL:
        """Return a URL that may be asked, whatever its name resolves to. Raise UrlRefused."""
        try:
            parsed = httpx.URL(url)
            host = _host(parsed)
        except (httpx.InvalidURL, ValueError) as error:
            raise UrlRefused(why.InvalidUrl(endpoint(url))) from error
        if parsed.scheme not in {"http", "https"} or not host:
            raise UrlRefused(why.InvalidUrl(endpoint(url)))
        if parsed.userinfo:
            raise UrlRefused(why.UrlNamesUser(endpoint(url)))
        await self._check_addresses(host, _written(host))
        return parsed

    def extensions(self, url: httpx.URL) -> dict[str, Trace]:
        """Return what makes a request of httpx check each connection that it opens on its way to a URL.

        The client must be used for URLs of this guard alone: an open connection is not checked again.
        """
        return {"trace": self._tracer(url)}

    @asynccontextmanager
    async def stream(
        self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """GET a URL, following a few redirects on its own host. Raise UrlRefused and what httpx raises."""
        asked = await self.check(url)
        async with AsyncExitStack() as stack:
            for _ in range(MAX_REDIRECTS + 1):
                request = client.stream("GET", asked, headers=headers, extensions=self.extensions(asked))
                response = await stack.enter_async_context(request)
                if response.next_request is None:
                    yield response
                    return
                await response.aclose()
                asked = await self._redirected(asked, response.next_request.url)
        raise UrlRefused(why.TooManyRedirects(endpoint(url)))

    async def _redirected(self, source: httpx.URL, target: httpx.URL) -> httpx.URL:
        checked = await self.check(str(target))
        same_host = _host(checked) == _host(source)
        weaker = source.scheme == "https" and checked.scheme != "https"
        if weaker or not (same_host or _host(checked) in self._further):
            raise UrlRefused(why.RedirectElsewhere(endpoint(str(source)), endpoint(str(target))))
        return checked

    def _tracer(self, url: httpx.URL) -> Trace:
        """Return a callback for httpx that checks each new connection on its way to a URL."""
        host = _host(url)
        asked = url.raw_host.decode("ascii")
        is_direct = False  # a connection to a proxy goes to the proxy's host

        async def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal is_direct
            if event == "connection.connect_tcp.started":
                is_direct = info["host"] == asked
                if is_direct:
                    await self._check_addresses(host, await _resolved(host))
            elif event == "connection.connect_tcp.complete" and is_direct:
                stream = info["return_value"]
                try:
                    await self._check_addresses(host, [_parsed(stream.get_extra_info("server_addr")[0])])
                except UrlRefused:
                    await stream.aclose()
                    raise

        return trace

    async def _check_addresses(self, host: str, addresses: list[Address]) -> None:
        """Raise UrlRefused unless each address is public, or where the service itself lives."""
        private = [address for address in addresses if not is_public(address)]
        if not private or host in self._further:
            return
        home = await _resolved(self._home)
        if any(map(is_public, home)):
            home = []  # a service of the public internet gains no private address by its name
        at_home = any(own.is_loopback for own in home)
        for address in private:
            if address not in home and not (at_home and address.is_loopback):
                raise UrlRefused(why.AddressNotPublic(host, str(address)))


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, and so does an IPv4 address that it leads to."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.is_site_local or (address.sixtofour and not is_public(address.sixtofour)):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").rstrip(".").lower()


def _parsed(text: str) -> Address:
    """Return an address as one; an IPv4 address that is mapped into IPv6 as itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _written(host: str) -> list[Address]:
    """Return the address that a host is by itself, as are `2130706433`, `0177.1` and `localhost`."""
    if host == "localhost" or host.endswith(".localhost"):
        return [ipaddress.IPv4Address("127.0.0.1")]
    try:
        return [_parsed(host)]
    except ValueError:
        pass
    try:
        return [ipaddress.IPv4Address(socket.inet_aton(host))]
    except (OSError, UnicodeEncodeError):
        return []


async def _resolved(host: str) -> list[Address]:
    """Return a host's addresses; none where it has none, which connecting will show."""
    if written := _written(host):
        return written
    try:
        found = await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [_parsed(str(entry[4][0])) for entry in found]
