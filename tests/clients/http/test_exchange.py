"""Exchanges with real servers that drip, never end, are busy, redirect or are not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.exchange import (
    BadReply,
    Busy,
    ExchangeFailed,
    Limits,
    NoAnswer,
    TryAgain,
    exchange,
    retry_after_s,
)
from tests.clients.local_server import LocalServer

LIMITS = Limits(max_bytes=1_000, deadline_s=20.0)
DRIP_S = 0.005

Behaviour = Callable[[Receive, Send], Awaitable[None]]


@dataclass
class Server:
    """Behaves as a test says; counts requests."""

    url: str = ""
    behaviour: Behaviour | None = None
    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.behaviour is not None
        self.paths.append(scope["path"])
        await self.behaviour(receive, send)


@pytest.fixture
async def site(server: LocalServer) -> AsyncIterator[Server]:
    site = Server()
    with server.mounted(site) as url:
        site.url = url
        yield site


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with new_http_client() as client:
        yield client


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    async def answer(_receive: Receive, send: Send) -> None:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return answer


def streaming(chunk: bytes, every_s: float) -> Behaviour:
    """Make an answer that comes for ever; it ends when the client has left."""

    async def stream(receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.create_task(_disconnected(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.wait([gone], timeout=every_s)

    return stream


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_an_answer_comes_whole(site: Server, client: httpx.AsyncClient) -> None:
    site.behaviour = answering(404, b"no\nsuch thing", x_kind="test")
    reply = await exchange(client, "GET", site.url + "/thing", LIMITS)
    assert (reply.status, reply.body, reply.headers["x-kind"]) == (404, b"no\nsuch thing", "test")
    assert reply.said == "no such thing"
    assert site.paths == ["/thing"]


async def test_a_byte_now_and_then_does_not_hold_the_deadline_off(
    site: Server, client: httpx.AsyncClient
) -> None:
    site.behaviour = streaming(b"x", DRIP_S)
    with pytest.raises(NoAnswer, match=r"does not answer: not done after 0 s") as caught:
        await exchange(client, "GET", site.url, Limits(10**9, deadline_s=0.2))
    assert caught.value.was_sent or not site.paths


async def test_an_answer_without_end_is_cut_off(site: Server, client: httpx.AsyncClient) -> None:
    site.behaviour = streaming(b"x" * 65_536, 0)
    with pytest.raises(BadReply, match="sent more than 1 kB"):
        await exchange(client, "GET", site.url, LIMITS)


async def test_an_answer_as_long_as_allowed_is_taken(site: Server, client: httpx.AsyncClient) -> None:
    site.behaviour = answering(body=b"x" * 1_000)
    assert len((await exchange(client, "GET", site.url, LIMITS)).body) == 1_000


async def test_a_compressed_answer_is_refused_without_unpacking(
    site: Server, client: httpx.AsyncClient
) -> None:
    site.behaviour = answering(body=b"x", content_encoding="gzip")
    with pytest.raises(BadReply, match="sent gzip"):
        await exchange(client, "GET", site.url, LIMITS)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_busy_server_is_one_to_try_again(
    site: Server, client: httpx.AsyncClient, status: int
) -> None:
    site.behaviour = answering(status, b"later", retry_after="7")
    with pytest.raises(Busy, match=f"is busy: HTTP status {status}") as caught:
        await exchange(client, "GET", site.url, LIMITS)
    assert (caught.value.retry_after_s, caught.value.reply.body) == (7.0, b"later")


async def test_a_redirect_is_an_answer_and_not_followed(site: Server, client: httpx.AsyncClient) -> None:
    site.behaviour = answering(307, location="/elsewhere")
    assert (await exchange(client, "POST", site.url, LIMITS)).status == 307
    assert site.paths == ["/"]


async def test_nothing_was_sent_where_nobody_listens(client: httpx.AsyncClient) -> None:
    with pytest.raises(NoAnswer, match=r"^http://127\.0\.0\.1:9 does not answer") as caught:
        await exchange(client, "GET", "http://127.0.0.1:9/secret-key", LIMITS)
    assert not caught.value.was_sent


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://[::1", "nothing"])
async def test_what_is_not_http_is_not_tried_again(client: httpx.AsyncClient, url: str) -> None:
    with pytest.raises(ExchangeFailed) as caught:
        await exchange(client, "GET", url, LIMITS)
    assert not isinstance(caught.value, TryAgain)


NOW_UNIX_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (formatdate(NOW_UNIX_S + 90, usegmt=True), 90.0),
        (formatdate(NOW_UNIX_S - 90, usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 5_000, None),
        ("٣", None),
        ("Fri, 99 Jan 2027 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOW_UNIX_S) == seconds
