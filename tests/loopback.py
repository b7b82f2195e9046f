"""The loopback: ports for programs that are told where to listen, and a plain HTTP client for servers."""

from __future__ import annotations

import socket

import httpx

from emeth_tui.clients.http.connections import trusted_authorities

_held: list[socket.socket] = []


def local_client(url: str = "", *, timeout_s: float = 30.0) -> httpx.AsyncClient:
    """Make a client that no proxy comes between; `url` is what relative paths are added to."""
    return httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False, verify=trusted_authorities())


def free_port() -> int:
    """Return a port of the loopback that is given to nobody else while this process lives.

    It is held by a socket that does not listen: who asks for any port gets another one, and a program that
    reuses addresses, as servers do, may still listen at this one.
    """
    holding = socket.socket()
    holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holding.bind(("127.0.0.1", 0))
    _held.append(holding)
    return int(holding.getsockname()[1])
