"""The links between node and network: what each fault does to an exchange, over real sockets."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emeth_tui.devnet.chain.backends import PyEvmChain
from emeth_tui.network.services.http_service import HttpService
from tests.devnet.chain.raw_rpc import CHAIN_ID, GENESIS_ACCOUNTS, RawRpc, signed
from tests.faults.injected import link_faults
from tests.faults.injected.rpc_lies import LIES
from tests.faults.stage.proxy import Act, Proxy, Rule
from tests.loopback import local_client

BODY = b"0123456789" * 1_000


class Service:
    """A service that counts what reaches it."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._http = HttpService(
            "test", Starlette(routes=[Route("/{path:path}", self._answer, methods=["PUT"])])
        )

    @asynccontextmanager
    async def behind_proxy(self, act: Act | None) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient]]:
        await self._http.start()
        proxy = Proxy("test", lambda: self._http.port)
        await proxy.start()
        if act is not None:
            proxy.rules.append(Rule(act, left=1))
        try:
            async with local_client(proxy.url, timeout_s=20.0) as client:
                yield proxy, client
        finally:
            await proxy.stop()
            await self._http.stop()

    async def _answer(self, request: Request) -> Response:
        self.requests.append(await request.body())
        return Response(BODY, headers={"ETag": '"right"'})


@pytest.fixture(autouse=True)
def short_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each fault last for a moment: what it does to an exchange is the same."""
    monkeypatch.setattr(link_faults, "DELAY_S", (0.01, 0.02))
    monkeypatch.setattr(link_faults, "HANG_S", (0.05, 0.1))
    monkeypatch.setattr(link_faults, "DRIP_S", 0.01)


async def test_without_a_rule_everything_is_passed_on() -> None:
    service = Service()
    async with service.behind_proxy(None) as (_, client):
        answer = await client.put("/some/path?x=1", content=b"sent")

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, BODY, '"right"')
    assert service.requests == [b"sent"]


@pytest.mark.parametrize(
    ("kind", "heard"), [("refuse", 0), ("lose answer", 1), ("cut", 1), ("hang", 0), ("drip", 1)]
)
async def test_a_connection_that_breaks_off(kind: str, heard: int) -> None:
    service = Service()
    async with service.behind_proxy(link_faults.EVERYWHERE[kind](random.Random(3))) as (_, client):
        with pytest.raises(httpx.TransportError):
            await client.put("/", content=b"sent")

        assert len(service.requests) == heard
        assert (await client.put("/", content=b"again")).content == BODY  # the rule was for one exchange


@pytest.mark.parametrize("kind", ["corrupt", "HTML", "429 or 5xx", "nonsense", "delay"])
async def test_an_answer_that_is_not_the_services(kind: str) -> None:
    service = Service()
    async with service.behind_proxy(link_faults.EVERYWHERE[kind](random.Random(3))) as (_, client):
        answer = await client.put("/", content=b"sent")

    honest = answer.status_code == 200 and answer.content == BODY
    assert honest == (kind == "delay")
    assert len(answer.content) > 0


@pytest.mark.parametrize("make", [link_faults.expired, link_faults.wrong_etag, link_faults.wrong_size])
async def test_a_transfer_that_goes_wrong(make: object) -> None:
    service = Service()
    async with service.behind_proxy(make(random.Random(3))) as (_, client):  # type: ignore[operator]
        answer = await client.put("/", content=b"sent")

    got = (answer.status_code, len(answer.content), answer.headers.get("etag"))
    assert got != (200, len(BODY), '"right"')


async def test_a_service_that_is_down_breaks_the_connection_off() -> None:
    proxy = Proxy("test", lambda: 9)
    await proxy.start()
    async with local_client(proxy.url) as client:
        with pytest.raises(httpx.TransportError):
            await client.put("/", content=b"sent")
    await proxy.stop()


@asynccontextmanager
async def chain_behind_proxy() -> AsyncIterator[tuple[Proxy, RawRpc, str]]:
    """A chain of eight blocks whose last transaction is known, and a client that sees it through a proxy."""
    chain = PyEvmChain(chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS)
    await chain.start()
    port = urlsplit(chain.rpc_url).port
    proxy = Proxy("rpc", lambda: port or 0)
    await proxy.start()
    client = RawRpc(proxy.url)
    try:
        for nonce in range(8):
            sent = await client.result("eth_sendRawTransaction", signed(nonce))
        yield proxy, client, sent
    finally:
        await client.close()
        await proxy.stop()
        await chain.stop()


async def test_endpoints_lie_as_they_are_asked_to() -> None:
    async with chain_behind_proxy() as (proxy, rpc, sent):
        honest = await rpc.result("eth_getTransactionReceipt", sent)
        price = int(await rpc.result("eth_gasPrice"), 16)

        async def heard(lie: str, method: str, *params: object) -> object:
            proxy.rules[:] = [Rule(LIES[lie](random.Random(3)))]
            return await rpc.result(method, *params)

        assert honest["status"] == "0x1"
        assert await heard("no receipts", "eth_getTransactionReceipt", sent) is None
        assert dict(await heard("failed receipts", "eth_getTransactionReceipt", sent))["status"] == "0x0"  # type: ignore[call-overload]
        assert await heard("another chain id", "eth_chainId") == "0x1"
        assert int(str(await heard("dear gas", "eth_gasPrice")), 16) >= 2 * price
        assert await heard("lags", "eth_getTransactionReceipt", sent) is None
        assert int(str(await heard("lags", "eth_blockNumber")), 16) < 8


async def test_an_endpoint_refuses_batches_and_answers_the_rest() -> None:
    async with chain_behind_proxy() as (proxy, rpc, _):
        proxy.rules[:] = [Rule(LIES["no batches"](random.Random(3)))]
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}

        assert (await rpc.post_raw([request])).status_code == 400
        assert (await rpc.post(request))["result"] == hex(CHAIN_ID)
