"""URLs of strangers: which addresses they may lead to, by whatever name, and at the moment of connecting."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from emeth_tui.clients.http.connections import MAX_REDIRECTS, new_http_client
from emeth_tui.clients.http.exchange import Limits, exchange
from emeth_tui.clients.http.url_guard import UrlGuard, UrlRefused, is_public
from tests.clients.listening import listening
from tests.clients.names import PUBLIC, Names

HOME = "https://storage.example/api"
LIMITS = Limits(max_bytes=1_000, deadline_s=20.0)


class Server:
    """Answers every connection with `answer`; keeps the first bytes of each."""

    def __init__(self) -> None:
        self.port = 0
        self.heard: list[bytes] = []
        self.was_heard = asyncio.Event()
        self.answer: Callable[[int], bytes] = lambda _: reply(200)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(1_000)
        self.heard.append(head)
        self.was_heard.set()
        if head:
            writer.write(self.answer(len(self.heard)))


def reply(status: int, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Content-Length: 0", "Connection: close", "", ""]).encode()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with listening(server.take) as server.port:
        yield server


@asynccontextmanager
async def asked(guard: UrlGuard, url: str) -> AsyncIterator[httpx.Response]:
    async with new_http_client() as client, guard.stream(client, url, {}) as response:
        yield response


NO_URLS = ["file:///etc/passwd", "ftp://x.example/", "http://", "//x.example/", "x", "", "http://[::1"]


@pytest.mark.parametrize("url", [*NO_URLS, "http://0177.0.0.1/"])
async def test_only_http_urls_are_taken(url: str) -> None:
    with pytest.raises(UrlRefused, match="an invalid URL came back"):
        await UrlGuard(HOME).check(url)


@pytest.mark.parametrize(
    "url", ["https://user@x.example/", "https://:p@x.example/", "https://a:b@x.example/"]
)
async def test_a_url_names_no_user(url: str) -> None:
    with pytest.raises(UrlRefused, match=r"a URL with a user in it came back: https://x\.example$"):
        await UrlGuard(HOME).check(url)


NOT_PUBLIC = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0", "[::]", "[::127.0.0.1]"),
    *("localhost", "LOCALHOST", "localhost.", "x.localhost", "[::1]", "[::ffff:127.0.0.1]", "0x0"),
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "3232235777", "[::ffff:7f00:1]", "[::ffff:192.168.1.1]"),
    *("169.254.169.254", "[fe80::1]", "[fec0::1]", "[fd00::1]", "[fc00::1]", "100.64.0.1", "198.18.0.1"),
    *("224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]", "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]"),
    *("[2002:7f00:1::]", "[2002:a00:1::1]", "[2001:db8::1]", "[2001:0:7f00:1::]", "192.0.2.1"),
]


@pytest.mark.parametrize("host", NOT_PUBLIC)
@pytest.mark.usefixtures("names")
async def test_an_address_that_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(UrlRefused, match="not a public address; if it is right, allow it in storage_hosts"):
        await UrlGuard(HOME).check(f"http://{host}:8080/x")


@pytest.mark.parametrize("host", [PUBLIC, "[2606:4700::1111]", "[64:ff9b::5db8:d822]", "objects.example"])
async def test_a_public_address_or_a_name_passes(host: str) -> None:
    assert str(await UrlGuard(HOME).check(f"https://{host}/x?sig=1")) == f"https://{host}/x?sig=1"


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1"]]
)
async def test_a_name_that_leads_into_our_network_is_not_connected_to(
    addresses: list[str], names: Names, server: Server
) -> None:
    names["objects.example"] = itertools.repeat(addresses)
    with pytest.raises(UrlRefused, match=r"leads to objects\.example"):
        async with asked(UrlGuard(HOME), f"http://objects.example:{server.port}/x"):
            pass
    assert server.heard == []


async def test_a_name_that_changes_before_the_connection_gets_no_byte(names: Names, server: Server) -> None:
    names["objects.example"] = iter([[PUBLIC], ["127.0.0.1"]])
    with pytest.raises(UrlRefused, match=r"leads to objects\.example, 127\.0\.0\.1"):
        async with asked(UrlGuard(HOME), f"http://objects.example:{server.port}/x"):
            pass
    await server.was_heard.wait()
    assert server.heard == [b""]


async def test_a_put_is_checked_as_a_get_is(names: Names, server: Server) -> None:
    names["objects.example"] = iter([[PUBLIC], ["127.0.0.1"]])
    guard = UrlGuard(HOME)
    url = await guard.check(f"http://objects.example:{server.port}/x")
    async with new_http_client() as client:
        with pytest.raises(UrlRefused):
            await exchange(
                client, "PUT", str(url), LIMITS, content=b"secret", extensions=guard.extensions(url)
            )
    await server.was_heard.wait()
    assert server.heard == [b""]


async def test_a_host_that_the_profile_allows_may_be_anywhere(names: Names, server: Server) -> None:
    names["objects.example"] = itertools.repeat(["127.0.0.1"])
    for host in ("objects.example", "OBJECTS.example.", "127.0.0.1"):
        guard = UrlGuard(HOME, ["objects.example", "127.0.0.1"])
        async with asked(guard, f"http://{host}:{server.port}/x") as response:
            assert response.status_code == 200


async def test_where_the_storage_itself_lives_its_urls_may_lead(names: Names, server: Server) -> None:
    for home in ("http://127.0.0.1:1", "http://localhost", "http://[::1]/"):
        async with asked(UrlGuard(home), f"http://127.0.0.1:{server.port}/x") as response:
            assert response.status_code == 200
        with pytest.raises(UrlRefused):
            await UrlGuard(home).check("http://10.0.0.1/")
    names["nas.example"] = itertools.repeat(["10.0.0.1"])
    await UrlGuard("http://nas.example").check("http://10.0.0.1:9000/")
    for host in ("10.0.0.2", "127.0.0.1"):
        with pytest.raises(UrlRefused):
            await UrlGuard("http://nas.example").check(f"http://{host}:9000/")


async def test_a_public_storage_gains_nothing_by_a_private_address_besides(names: Names) -> None:
    names["storage.example"] = itertools.repeat([PUBLIC, "10.0.0.1"])
    with pytest.raises(UrlRefused):
        await UrlGuard(HOME).check("http://10.0.0.1/")


async def test_a_redirect_stays_on_its_host(names: Names, server: Server) -> None:
    names["objects.example"] = itertools.repeat(["127.0.0.1"])
    names["more.example"] = itertools.repeat(["127.0.0.1"])
    there = f"http://objects.example:{server.port}"
    guard = UrlGuard(HOME, ["objects.example"])
    server.answer = lambda before: reply(302, Location="/moved") if before == 1 else reply(200)
    async with asked(guard, f"{there}/x") as response:
        assert (response.status_code, response.url.path) == (200, "/moved")

    server.answer = lambda _: reply(307, Location=f"http://more.example:{server.port}/x")
    with pytest.raises(
        UrlRefused, match=r"objects\.example:\d+ sends us on to another host: http://more\.example"
    ):
        async with asked(guard, there):
            pass
    server.answer = lambda _: reply(307, Location="http://127.0.0.1/x")
    with pytest.raises(UrlRefused, match="not a public address"):
        async with asked(guard, there):
            pass
    server.heard.clear()
    server.answer = lambda before: (
        reply(307, Location=f"http://more.example:{server.port}/x") if before == 1 else reply(200)
    )
    async with asked(UrlGuard(HOME, ["objects.example", "more.example"]), there) as response:
        assert response.url.host == "more.example"


async def test_redirects_without_end_are_given_up(names: Names, server: Server) -> None:
    server.answer = lambda _: reply(302, Location="/again")
    with pytest.raises(UrlRefused, match="one redirect after the other"):
        async with asked(UrlGuard("http://127.0.0.1"), f"http://127.0.0.1:{server.port}/"):
            pass
    assert len(server.heard) == 1 + MAX_REDIRECTS


async def test_a_redirect_does_not_give_up_encryption() -> None:
    guard = UrlGuard(HOME)
    source, target = httpx.URL("https://objects.example/x"), httpx.URL("http://objects.example/x")
    with pytest.raises(UrlRefused, match="sends us on"):
        await guard._redirected(source, target)
    assert await guard._redirected(target, source) == source


async def test_behind_a_proxy_names_are_the_proxys_and_addresses_still_ours(
    names: Names, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    async with asked(UrlGuard(HOME), "http://objects.example/x") as response:
        assert response.status_code == 200
    assert server.heard[0].startswith(b"GET http://objects.example/x ")
    with pytest.raises(UrlRefused):
        async with asked(UrlGuard(HOME), "http://10.0.0.1/x"):
            pass
    assert len(server.heard) == 1


def test_what_is_public() -> None:
    public = [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"]  # 6to4 is so on older Pythons alone
    assert all(is_public(ipaddress.ip_address(address)) for address in public)
