"""The loopback: ports for programs that are told where to listen, an HTTP client, descriptors left open."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

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


def count_open(*kinds: str) -> int:
    """Return how many descriptors of these kinds this process has open: `socket`, `pipe`."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(entry.readlink()))
    return sum(link.partition(":")[0] in kinds for link in links)
