"""How long a connection may take: headers, what is not read, and what keeps within the limits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from emeth_tui.network.services.http_service import HttpService

PATIENCE = "emeth_tui.network.services.patience"
SHORT_S = 0.2
LIMIT_S = 30.0


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def pour(_request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    app = Starlette(routes=[Route("/echo", echo, methods=["GET", "POST"]), Route("/pour", pour)])
    made = HttpService("patience", app, grace_s=0)
    await made.start()
    yield made
    await made.stop()


def said_at_once(service: HttpService, sent: bytes) -> socket.socket:
    """Connect and send this before the service takes the connection: it is in time on any machine."""
    connection = socket.create_connection(("127.0.0.1", service.port))
    connection.sendall(sent)
    return connection


async def until_closed(service: HttpService, sent: bytes, then: bytes = b"") -> bytes:
    """Send this, and `then` after an answer; return what comes before the service hangs up."""
    reader, writer = await asyncio.open_connection(sock=said_at_once(service, sent))
    answer = b""
    if then:
        answer = await asyncio.wait_for(reader.readuntil(b"first"), LIMIT_S)
        writer.write(then)
    try:
        return answer + await asyncio.wait_for(reader.read(), LIMIT_S)
    except ConnectionResetError:
        return answer
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /echo HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "half"])
async def test_headers_that_do_not_end_are_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, service: HttpService, sent: bytes
) -> None:
    monkeypatch.setattr(f"{PATIENCE}.HEADERS_LIMIT_S", SHORT_S)

    assert await until_closed(service, sent) == b""


async def test_headers_of_a_second_request_have_an_end_as_well(
    monkeypatch: pytest.MonkeyPatch, service: HttpService
) -> None:
    monkeypatch.setattr(f"{PATIENCE}.HEADERS_LIMIT_S", SHORT_S)
    whole = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst"

    said = await until_closed(service, whole, b"GET /echo HTTP/1.1\r\nX-")

    assert said.endswith(b"first")


async def test_the_rest_of_a_body_is_not_waited_for_once_its_request_is_answered(
    monkeypatch: pytest.MonkeyPatch, service: HttpService
) -> None:
    monkeypatch.setattr(f"{PATIENCE}.LINGER_S", SHORT_S)

    said = await until_closed(
        service, b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nhalf a body"
    )

    assert said.startswith(b"HTTP/1.1 404")


async def test_a_client_that_does_not_read_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, service: HttpService
) -> None:
    monkeypatch.setattr(f"{PATIENCE}.UNREAD_LIMIT_S", SHORT_S)
    _reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1)
    writer.write(b"GET /pour HTTP/1.1\r\nHost: x\r\n\r\n")

    await asyncio.wait_for(_broken(writer), LIMIT_S)

    writer.close()


async def _broken(writer: asyncio.StreamWriter) -> None:
    """Wait until the other side is gone, without reading."""
    while True:
        try:
            writer.write(b"x")
            await writer.drain()
        except OSError:
            return
        await asyncio.sleep(0.01)


async def test_a_body_may_take_longer_than_headers(
    monkeypatch: pytest.MonkeyPatch, service: HttpService
) -> None:
    monkeypatch.setattr(f"{PATIENCE}.HEADERS_LIMIT_S", SHORT_S)
    headers = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n"
    reader, writer = await asyncio.open_connection(sock=said_at_once(service, headers))

    for piece in (b"slowly ", b"but ", b"surely"):
        await asyncio.sleep(SHORT_S)
        writer.write(piece)
    answer = await asyncio.wait_for(reader.readuntil(b"slowly but surely"), LIMIT_S)

    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()
