"""HTTP for storage and info server: one client, bounded answers, retries with backoff and limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from emeth_tui import __version__
from emeth_tui.backoff import Backoff
from emeth_tui.errors import StorageError
from emeth_tui.foreign_text import endpoint, one_line
from emeth_tui.logs import quiet_libraries

ATTEMPTS = 5
BACKOFF = Backoff(0.25, 8.0)
MAX_REDIRECTS = 3
# Asking again may help: request timeout, too early, too many requests, and the server's own troubles.
BUSY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
PLAIN = {"Accept-Encoding": "identity"}

quiet_libraries()

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class TryAgain(Exception):
    """An attempt failed in a way that another one may not. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `body` is at most as long as was asked for."""

    status: int
    body: bytes
    headers: httpx.Headers

    @property
    def said(self) -> str:
        """What it says, as one line for a message."""
        return one_line(self.body.decode("utf-8", "replace")) or "no reason given"


def new_http_client() -> httpx.AsyncClient:
    """Make the client that storage and info server share.

    The environment's proxies are used, except for loopback: a devnet is never behind one.
    """
    direct = httpx.AsyncHTTPTransport()
    return httpx.AsyncClient(
        timeout=httpx.Timeout(30.0, connect=10.0),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        headers={"User-Agent": f"emeth-tui/{__version__}", **PLAIN},
        follow_redirects=False,
        max_redirects=MAX_REDIRECTS,
        mounts={f"all://{host}": direct for host in ("127.0.0.1", "localhost", "[::1]")},
    )


async def fetch(client: httpx.AsyncClient, method: str, url: str, *, max_bytes: int, **options: Any) -> Reply:
    """Make one request and read its answer whole.

    Raises TryAgain when no answer came, the server is busy or its answer is too long.
    """
    where = endpoint(url)
    try:
        async with client.stream(method, url, **options) as response:
            check_plain(response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > max_bytes:
                    raise TryAgain(f"{where} sent more than {max_bytes:,} bytes")
    except (httpx.RequestError, httpx.InvalidURL, OSError) as error:
        raise TryAgain(f"{where} does not answer: {describe(error)}") from error
    if response.status_code in BUSY_STATUSES:
        raise TryAgain(f"{where} is busy: HTTP status {response.status_code}")
    return Reply(response.status_code, bytes(body), response.headers)


def check_plain(response: httpx.Response) -> None:
    """Refuse a compressed answer: it could swell to any size. Raises TryAgain."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise TryAgain(f"{endpoint(str(response.url))} sent {one_line(encoding)}, and was asked not to")


def check_url(url: str, what: str) -> str:
    """Check a URL that a stranger gave. Raises StorageError for anything but http and https."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return url
    except ValueError:
        pass
    raise StorageError(f"{what}: the storage gave a URL that is none: {endpoint(url)}")


async def persist(attempt: Callable[[], Awaitable[_T]], what: str) -> _T:
    """Attempt something until it does not raise TryAgain, ATTEMPTS times at most. The last one gets out."""
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except TryAgain as error:
            await back_off(number, what, error)
    return await attempt()


async def back_off(failures: int, what: str, problem: object) -> None:
    """Wait before the next attempt, the longer the more have failed, and say so in the log."""
    wait_s = BACKOFF.delay_s(failures)
    _logger.info("%s: %s; trying again in %.1f s", what, problem, wait_s)
    await asyncio.sleep(wait_s)


def describe(error: Exception) -> str:
    """Say what went wrong with a request, in few words and without its URL."""
    if isinstance(error, httpx.TimeoutException):
        return "timed out"
    return one_line(error) or type(error).__name__
