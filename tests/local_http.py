"""A plain HTTP client for servers of a test's own, on loopback."""

from __future__ import annotations

import httpx

from emeth_tui.clients.http.connections import trusted_authorities


def local_client(url: str = "", *, timeout_s: float = 30.0) -> httpx.AsyncClient:
    """Make a client that no proxy comes between; `url` is what relative paths are added to."""
    return httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False, verify=trusted_authorities())
