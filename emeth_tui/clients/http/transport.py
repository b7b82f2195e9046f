"""What every client speaks HTTP with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.retry import DEFAULT_RETRY, Retry
from emeth_tui.clients.http.stall import DEFAULT_STALL_LIMIT, StallLimit


@dataclass(frozen=True, slots=True)
class Transport:
    """Connections, how often to try, and how slow a large transfer may be."""

    client: httpx.AsyncClient
    retry: Retry = DEFAULT_RETRY
    stall_limit: StallLimit = DEFAULT_STALL_LIMIT


@asynccontextmanager
async def open_transport(
    retry: Retry = DEFAULT_RETRY, stall_limit: StallLimit = DEFAULT_STALL_LIMIT
) -> AsyncIterator[Transport]:
    """Open connections, and close them afterwards."""
    async with new_http_client() as client:
        yield Transport(client, retry, stall_limit)
