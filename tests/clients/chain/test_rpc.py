"""Rpc against endpoints that misbehave: bounded, retried by an allowlist, in our own errors."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from emeth_tui.clients.chain.endpoint import RPC_LIMITS
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal, decode
from emeth_tui.clients.chain.rpc import RETRIED_METHODS, Rpc
from emeth_tui.clients.http.exchange import Limits
from emeth_tui.clients.http.transport import Transport, open_transport
from emeth_tui.errors import ChainUnreachable, WrongChain
from emeth_tui.words.sentences import english
from tests.clients.dripping import dripping_server
from tests.clients.emeth_chain import CHAIN_ID, Answer, CutConnection, EmethChain
from tests.clients.local_server import QUICK_RETRY, LocalServer

DEAD_URL = "http://127.0.0.1:9/v3/secret-api-key"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with open_transport(QUICK_RETRY) as transport:
        yield transport


@pytest.fixture
def rpc(network: EmethChain, transport: Transport) -> Rpc:
    return Rpc(network.network.rpc_urls, transport)


def failing(times: int, failure: Exception) -> Callable[[dict[str, Any]], None]:
    """Make a hook that fails so many times, then lets calls through."""
    left = [times]

    def hook(_call: dict[str, Any]) -> None:
        if left[0]:
            left[0] -= 1
            raise failure

    return hook


BUSY = json.dumps(
    {"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "limit exceeded"}}
).encode()


@pytest.mark.parametrize(
    "failure",
    [CutConnection(), Answer(b"busy", 503), Answer(b"{}", 429), Answer(BUSY), Answer(BUSY, 429)],
    ids=["cut", "503", "429", "rpc limit", "rpc limit with 429"],
)
async def test_a_read_is_asked_again(rpc: Rpc, network: EmethChain, failure: Exception) -> None:
    network.app.hooks["eth_chainId"] = failing(2, failure)
    assert await rpc.call("eth_chainId") == hex(CHAIN_ID)
    assert network.app.posts == 3


async def test_a_batch_of_reads_is_asked_again(rpc: Rpc, network: EmethChain) -> None:
    network.app.hooks["eth_chainId"] = failing(1, CutConnection())
    assert await rpc.batch([Request("eth_chainId"), Request("eth_chainId")]) == [hex(CHAIN_ID)] * 2
    assert network.app.posts == 2


async def test_asking_again_has_a_limit(rpc: Rpc, network: EmethChain) -> None:
    network.app.hooks["eth_chainId"] = failing(1_000, CutConnection())
    with pytest.raises(ChainUnreachable, match="does not answer"):
        await rpc.call("eth_chainId")
    assert network.app.posts == QUICK_RETRY.attempts


async def test_a_transaction_is_sent_once_only(rpc: Rpc, network: EmethChain) -> None:
    network.app.hooks["eth_sendRawTransaction"] = failing(1, CutConnection())
    with pytest.raises(ChainUnreachable):
        await rpc.call("eth_sendRawTransaction", "0x00")
    assert network.app.posts == 1
    assert not any(method.startswith("eth_send") for method in RETRIED_METHODS)


@pytest.mark.parametrize("body", [b"<html>no</html>", b"[]", b"7", b'{"id": 0}', b"[" * 200_000, b"\xff"])
async def test_what_is_not_json_rpc_is_unreachable(rpc: Rpc, network: EmethChain, body: bytes) -> None:
    network.app.hooks["eth_chainId"] = failing(1_000, Answer(body))
    with pytest.raises(ChainUnreachable, match="does not speak JSON-RPC"):
        await rpc.call("eth_chainId")
    with pytest.raises(ChainUnreachable, match="does not speak JSON-RPC"):
        await rpc.batch([Request("eth_chainId"), Request("eth_chainId")])


async def test_an_answer_without_end_is_cut_off(network: EmethChain, transport: Transport) -> None:
    rpc = Rpc(network.network.rpc_urls, transport, limits=Limits(10_000, deadline_s=20.0))
    network.app.hooks["eth_chainId"] = failing(1_000, Answer(b" " * 1_000_000))
    with pytest.raises(ChainUnreachable, match="more than 10 kB"):
        await rpc.call("eth_chainId")


async def test_a_dripping_endpoint_is_given_up_for_the_next(
    network: EmethChain, transport: Transport
) -> None:
    """A byte every few seconds is no silence; alone, such an endpoint is not asked again for ever."""
    limits = Limits(1_000_000, deadline_s=0.2)
    impatient = replace(transport, retry=replace(QUICK_RETRY, patience_s=0.1))
    async with dripping_server() as dripping:
        both = Rpc([dripping.url, *network.network.rpc_urls], impatient, limits=limits)
        both._endpoints[1]._limits = RPC_LIMITS  # which answers as soon as it can
        assert await both.call("eth_chainId") == hex(CHAIN_ID)
        assert (asked := dripping.requests) <= 1
        with pytest.raises(ChainUnreachable, match="not done after 0 s"):
            await Rpc([dripping.url], impatient, limits=limits).call("eth_chainId")
        assert dripping.requests <= asked + 1


async def test_redirects_are_not_followed(rpc: Rpc, network: EmethChain) -> None:
    elsewhere = f"{network.network.rpc_urls[0]}/elsewhere"
    network.app.hooks["eth_sendRawTransaction"] = failing(1, Answer(b"", 307, location=elsewhere))
    with pytest.raises(ChainUnreachable, match="HTTP status 307"):
        await rpc.call("eth_sendRawTransaction", "0x00")
    assert network.app.posts == 1


async def test_a_refusal_is_told_in_one_printable_line(rpc: Rpc, network: EmethChain) -> None:
    network.app.hooks["eth_chainId"] = lambda _: {
        "error": {"code": 1, "message": "no\n\x1b[31m" + "x" * 9_999}
    }
    with pytest.raises(RpcRefusal, match=r"refused eth_chainId: no \?\[31mx+…$") as caught:
        await rpc.call("eth_chainId")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("error", ["text", {}, {"message": None}, {"code": "x", "message": 5}, ["list"]])
async def test_a_refusal_may_have_any_shape(rpc: Rpc, network: EmethChain, error: object) -> None:
    network.app.hooks["eth_chainId"] = lambda _: {"error": error}
    with pytest.raises((RpcRefusal, ChainUnreachable)):
        await rpc.call("eth_chainId")


@pytest.mark.parametrize(
    "data", ["0x0102", "Reverted 0x0102", {"data": "0x0102"}, {"result": "0x0102"}], ids=str
)
async def test_revert_data_is_found_where_nodes_put_it(rpc: Rpc, network: EmethChain, data: object) -> None:
    network.app.hooks["eth_call"] = lambda _: {
        "error": {"code": 3, "message": "execution reverted", "data": data}
    }
    with pytest.raises(RpcRefusal) as caught:
        await rpc.call("eth_call", {}, "latest")
    assert caught.value.data == b"\x01\x02"


async def test_one_refused_call_of_a_batch_stays_alone(rpc: Rpc, network: EmethChain) -> None:
    chain_id, refusal = await rpc.batch([Request("eth_chainId"), Request("eth_noSuchMethod")])
    assert chain_id == hex(CHAIN_ID)
    assert isinstance(refusal, RpcRefusal)
    assert "eth_noSuchMethod" in str(refusal)


# ---- batches

CALLS = [Request("eth_call", (number,)) for number in range(11)]


class Batches:
    """An endpoint that echoes each call's parameter, and takes batches as a test says."""

    def __init__(self) -> None:
        self.answer: Callable[[list[dict[str, Any]]], tuple[int, object] | None] = lambda _: None
        self.sizes: list[int] = []

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        calls = json.loads((await receive())["body"])
        batch = calls if isinstance(calls, list) else [calls]
        self.sizes.append(len(batch))
        honest = [response(call) for call in batch]
        instead = self.answer(batch) if len(batch) > 1 else None
        status, answer = instead or (200, honest if isinstance(calls, list) else honest[0])
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def response(call: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": call["id"], "result": call["params"][0]}


def one_error(code: int, message: str, *, number: object = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


REFUSALS: dict[str, Callable[[list[dict[str, Any]]], tuple[int, object]]] = {
    "an error object": lambda _: (200, one_error(-32600, "batches are not supported")),
    "an error object with HTTP 400": lambda _: (400, one_error(-32600, "batches are not supported")),
    "a limit": lambda _: (200, one_error(-32005, "batch limit exceeded")),
    "HTTP 400": lambda _: (400, b"bad request"),
    "HTTP 413": lambda _: (413, b"<html>too large</html>"),
    "HTTP 500": lambda _: (500, b"cannot read property of undefined"),
    "an empty list": lambda _: (200, []),
    "one error in a list": lambda _: (200, [one_error(-32600, "too many")]),
    "the same error for each": lambda batch: (
        200,
        [one_error(-32600, "too many", number=call["id"]) for call in batch],
    ),
    "no JSON": lambda _: (200, b"<html>"),
    "nothing": lambda _: (200, b""),
    "other calls' answers": lambda batch: (
        200,
        [{**response(call), "id": call["id"] + 1000} for call in batch],
    ),
    "odd ids": lambda batch: (200, [{**response(call), "id": [call["id"]]} for call in batch]),
}


@pytest.fixture
def endpoint(server: LocalServer) -> Batches:
    return Batches()


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("taken", [1, 3])
async def test_a_refused_batch_is_halved_and_the_size_remembered(
    server: LocalServer,
    transport: Transport,
    endpoint: Batches,
    refusal: Callable[[list[dict[str, Any]]], tuple[int, object]],
    taken: int,
) -> None:
    endpoint.answer = lambda batch: refusal(batch) if len(batch) > taken else None
    with server.mounted(endpoint) as url:
        rpc = Rpc([url], transport)
        assert await rpc.batch(CALLS) == list(range(11))
        endpoint.sizes.clear()
        assert await rpc.batch(CALLS) == list(range(11))
    size = {1: 1, 3: 2}[taken]  # 11, 5, 2, 1
    assert sorted(endpoint.sizes) == sorted([size] * (11 // size) + ([11 % size] if 11 % size else []))


async def test_a_batch_that_is_cut_short_is_completed(
    server: LocalServer, transport: Transport, endpoint: Batches
) -> None:
    endpoint.answer = lambda batch: (200, [response(call) for call in batch[:4]])
    with server.mounted(endpoint) as url:
        assert await Rpc([url], transport).batch(CALLS) == list(range(11))
    assert endpoint.sizes[0] == 11
    assert sum(endpoint.sizes[1:]) <= 11  # what was answered is not asked again, but for one smaller try


async def test_answers_may_come_in_any_order(
    server: LocalServer, transport: Transport, endpoint: Batches
) -> None:
    endpoint.answer = lambda batch: (200, [response(call) for call in reversed(batch)])
    with server.mounted(endpoint) as url:
        assert await Rpc([url], transport).batch(CALLS) == list(range(11))
    assert endpoint.sizes == [11]


async def test_an_answer_that_grows_too_long_is_asked_for_in_parts(
    server: LocalServer, transport: Transport, endpoint: Batches
) -> None:
    with server.mounted(endpoint) as url:
        rpc = Rpc([url], transport, limits=Limits(max_bytes=150, deadline_s=20.0))
        assert await rpc.batch(CALLS) == list(range(11))
    assert endpoint.sizes[:3] == [11, 5, 2]


async def test_calls_that_each_revert_are_no_refusal_of_the_batch(
    server: LocalServer, transport: Transport, endpoint: Batches
) -> None:
    endpoint.answer = lambda batch: (
        200,
        [one_error(3, "execution reverted", number=call["id"]) for call in batch],
    )
    with server.mounted(endpoint) as url:
        results = await Rpc([url], transport).batch(CALLS)
    assert all(isinstance(result, RpcRefusal) for result in results)
    assert endpoint.sizes == [11]


async def test_an_endpoint_that_answers_nothing_sensible_is_not_remembered_for_it(
    rpc: Rpc, network: EmethChain
) -> None:
    network.app.hooks["eth_chainId"] = failing(4, Answer(b"<html>down for maintenance</html>"))
    calls = [Request("eth_chainId")] * 8
    with pytest.raises(ChainUnreachable, match="does not speak JSON-RPC"):
        await rpc.batch(calls)  # 8, 4, 2 and 1
    posts_before = network.app.posts
    assert await rpc.batch(calls) == [hex(CHAIN_ID)] * 8
    assert network.app.posts == posts_before + 1


async def test_transactions_are_never_sent_in_a_batch(
    server: LocalServer, transport: Transport, endpoint: Batches
) -> None:
    with server.mounted(endpoint) as url:
        sent = [Request("eth_sendRawTransaction", (number,)) for number in range(3)]
        assert await Rpc([url], transport).batch(sent) == [0, 1, 2]
    assert endpoint.sizes == [1, 1, 1]


_ODD = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["2.0", 0, 1, 2]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "jsonrpc", "result", "error", "code", "message"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(_ODD, st.integers(1, 3))
def test_no_answer_breaks_the_reader(answer: object, count: int) -> None:
    answers = decode(json.dumps(answer).encode(), count)
    assert set(answers.by_place) <= set(range(count))
    assert all(isinstance(found, dict) for found in answers.by_place.values())


# ---- several endpoints


async def test_the_next_endpoint_is_used_when_the_first_is_dead(
    network: EmethChain, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    rpc = Rpc([DEAD_URL, *network.network.rpc_urls], transport, chain_id=CHAIN_ID)
    with caplog.at_level(logging.WARNING):
        assert await rpc.call("eth_blockNumber") == network.ask("eth_blockNumber")
        assert await rpc.call("eth_blockNumber") == network.ask("eth_blockNumber")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("http://127.0.0.1:9 does not answer: ")
    assert line.endswith(f"; using {rpc.where} instead")
    assert rpc.left_because is not None
    assert line.startswith(english(rpc.left_because))
    assert "secret-api-key" not in caplog.text


async def test_a_transaction_goes_to_the_next_endpoint_only_if_it_was_never_sent(
    server: LocalServer, network: EmethChain, transport: Transport, endpoint: Batches
) -> None:
    with server.mounted(endpoint) as url:
        rpc = Rpc([DEAD_URL, url], transport)
        assert await rpc.call("eth_sendRawTransaction", "0x00") == "0x00"
        network.app.hooks["eth_sendRawTransaction"] = failing(1, CutConnection())
        rpc = Rpc([*network.network.rpc_urls, url], transport)
        endpoint.sizes.clear()
        with pytest.raises(ChainUnreachable):
            await rpc.call("eth_sendRawTransaction", "0x00")
    assert endpoint.sizes == []


async def chain_one(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}'})


async def test_an_endpoint_of_another_chain_is_passed_over(
    server: LocalServer, network: EmethChain, transport: Transport
) -> None:
    with server.mounted(chain_one) as wrong:
        rpc = Rpc([DEAD_URL, wrong, *network.network.rpc_urls], transport, chain_id=CHAIN_ID)
        assert await rpc.call("eth_blockNumber") == network.ask("eth_blockNumber")
        with pytest.raises(WrongChain, match="serves chain 1 instead of 60001; check rpc_urls"):
            await Rpc([wrong, DEAD_URL], transport, chain_id=CHAIN_ID).call("eth_blockNumber")


async def test_every_endpoint_is_tried_again_when_all_are_down(
    network: EmethChain, transport: Transport
) -> None:
    network.app.hooks["eth_chainId"] = failing(2, CutConnection())
    rpc = Rpc([DEAD_URL, *network.network.rpc_urls], transport)
    assert await rpc.call("eth_chainId") == hex(CHAIN_ID)
    assert network.app.posts == 3
