"""The connections: one client's settings, and which hosts are reached directly."""

from __future__ import annotations

import functools
import ssl

import httpx

from emeth_tui import __version__
from emeth_tui.logs import quiet_libraries

MAX_REDIRECTS = 3
SILENCE_TIMEOUT_S = 30.0  # without a byte in either direction
CONNECT_TIMEOUT_S = 10.0
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
PLAIN = {"Accept-Encoding": "identity"}  # a compressed answer could swell to any size

quiet_libraries()


def new_http_client() -> httpx.AsyncClient:
    """Make a client; close it after use.

    It uses the environment's proxies, except for loopback: a devnet is never behind one.
    """
    trusted = trusted_authorities()
    direct = httpx.AsyncHTTPTransport(verify=trusted)
    return httpx.AsyncClient(
        verify=trusted,
        timeout=httpx.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        headers={"User-Agent": f"emeth-tui/{__version__}", **PLAIN},
        follow_redirects=False,
        max_redirects=MAX_REDIRECTS,
        mounts={f"all://{host}": direct for host in LOOPBACK_HOSTS},
    )


@functools.cache
def trusted_authorities() -> ssl.SSLContext:
    """Return the context of every TLS connection: reading its hundred certificates takes 25 ms."""
    return httpx.create_ssl_context()
