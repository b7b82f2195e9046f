"""Who asks, behind proxies and not; limits, logs and figures of requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.serving.edge import Edge, Proxies
from emeth_tui.network.serving.metrics import Metrics
from emeth_tui.network.serving.rate_limit import RateLimit
from tests.loopback import local_client


async def say_client(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(request.client.host)


def client_of(edge: Edge, peer: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(edge, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://network")


def edge(*, proxies: tuple[str, ...] = (), per_minute: int = 100) -> Edge:
    app = Starlette(routes=[Route(path, say_client) for path in ("/x", "/healthz", "/objects/dataset/a")])
    return Edge(app, Proxies(proxies), RateLimit(per_minute), Metrics())


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # no proxy of ours: its word counts nothing
        ("10.0.0.2", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "203.0.113.66, 203.0.113.9, 10.0.0.3", "203.0.113.9"),  # the first was made up
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("::1", "2001:db8::5", "2001:db8::5"),
    ],
)
async def test_a_client_is_who_a_named_proxy_says(peer: str, forwarded: str, client: str) -> None:
    async with client_of(edge(proxies=("10.0.0.0/24", "::1/128")), peer) as http:
        answer = await http.get("/x", headers={"x-forwarded-for": forwarded})
    assert answer.text == client


async def test_a_connection_from_this_machine_is_no_proxy_unless_it_is_named() -> None:
    service = HttpService("edge", edge())
    await service.start()
    async with local_client(service.url) as http:
        answer = await http.get("/x", headers={"x-forwarded-for": "203.0.113.9"})
    await service.stop()
    assert answer.text == "127.0.0.1"


async def test_a_body_that_stops_ends_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take(request: Request) -> PlainTextResponse:
        try:
            return PlainTextResponse(await request.body())
        except ClientDisconnect:
            return PlainTextResponse("hung up", 400)

    async def body() -> AsyncIterator[bytes]:
        yield b"half of "
        await asyncio.Event().wait()

    monkeypatch.setattr("emeth_tui.network.serving.edge.SILENCE_S", 0.05)
    app = Starlette(routes=[Route("/x", take, methods=["PUT"])])
    async with client_of(Edge(app, Proxies(()), RateLimit(100), Metrics()), "198.51.100.1") as http:
        with anyio.fail_after(20):
            stopped = await http.put("/x", content=body())
        whole = await http.put("/x", content=b"all of it")
    assert (stopped.status_code, whole.text) == (400, "all of it")


async def test_a_body_that_trickles_ends_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take(request: Request) -> PlainTextResponse:
        try:
            return PlainTextResponse(await request.body())
        except ClientDisconnect:
            return PlainTextResponse("too slow", 400)

    monkeypatch.setattr("emeth_tui.network.serving.edge.SILENCE_S", 0.3)
    app = Starlette(routes=[Route("/x", take, methods=["PUT"])])
    service = HttpService("edge", Edge(app, Proxies(()), RateLimit(100), Metrics()), grace_s=0)
    await service.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")

    answer = asyncio.create_task(reader.readuntil(b"too slow"))
    while not answer.done():  # never silent for long, and never done
        writer.write(b"x")
        await asyncio.wait([answer], timeout=0.01)
    writer.close()
    await service.stop()

    assert answer.result().startswith(b"HTTP/1.1 400")


async def test_each_address_has_its_own_limit_and_health_has_none() -> None:
    limited = edge(per_minute=2)
    async with client_of(limited, "198.51.100.1") as one, client_of(limited, "198.51.100.2") as other:
        statuses = [(await one.get("/x")).status_code for _ in range(3)]
        refused = await one.get("/x", headers={"x-forwarded-for": "203.0.113.5"})
        assert statuses == [200, 200, 429]
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        assert (await other.get("/x")).status_code == 200
        assert [(await one.get("/healthz")).status_code for _ in range(5)] == [200] * 5


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ("2001:db8:1:2:3::9", 429),
        ("2001:db8:1:3::5", 200),
        ("::ffff:198.51.100.1", 200),
        ("fe80::1%eth0", 200),
    ],
)
async def test_all_addresses_of_an_ipv6_connection_share_one_limit(other: str, status: int) -> None:
    limited = edge(per_minute=1)
    async with client_of(limited, "2001:db8:1:2::5") as http:
        assert (await http.get("/x")).status_code == 200
    async with client_of(limited, other) as http:
        assert (await http.get("/x")).status_code == status


async def test_a_line_has_the_path_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="emeth_tui.network.access"):
        async with client_of(edge(), "198.51.100.1") as http:
            await http.get("/objects/dataset/a?expires=1&signature=secret")
    (record,) = [one for one in caplog.records if one.name == "emeth_tui.network.access"]
    assert record.getMessage() == "GET /objects/dataset/a 200"
    assert record.client == "198.51.100.1"  # type: ignore[attr-defined]
    assert "secret" not in str(record.__dict__)
