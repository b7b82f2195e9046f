"""Rpc against an endpoint that misbehaves: bounded, retried by an allowlist, in our own errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.clients.chain import rpc as rpc_module
from emeth_tui.clients.chain.rpc import RETRIED_METHODS, RETRIES, Request, Rpc, RpcRefusal
from emeth_tui.errors import ChainUnreachable
from tests.clients.emeth_chain import CHAIN_ID, Answer, CutConnection, EmethChain


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_module, "BACKOFF", Backoff(0.001, 0.001))


@pytest.fixture
async def rpc(network: EmethChain) -> AsyncIterator[Rpc]:
    rpc = Rpc(network.network.rpc_url)
    yield rpc
    await rpc.close()


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
    assert network.app.posts == 1 + RETRIES


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


async def test_a_batch_answered_in_part_is_no_answer(rpc: Rpc, network: EmethChain) -> None:
    one = json.dumps([{"jsonrpc": "2.0", "id": 0, "result": "0x1"}, {"id": [], "result": "0x1"}]).encode()
    network.app.hooks["eth_chainId"] = failing(1_000, Answer(one))
    with pytest.raises(ChainUnreachable):
        await rpc.batch([Request("eth_chainId"), Request("eth_chainId")])


async def test_an_answer_without_end_is_cut_off(
    rpc: Rpc, network: EmethChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "MAX_ANSWER_BYTES", 10_000)
    network.app.hooks["eth_chainId"] = failing(1_000, Answer(b" " * 1_000_000))
    with pytest.raises(ChainUnreachable, match="more than 10,000 bytes"):
        await rpc.call("eth_chainId")


async def test_redirects_are_not_followed(rpc: Rpc, network: EmethChain) -> None:
    elsewhere = f"{network.network.rpc_url}/elsewhere"
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


async def test_closing_twice_is_harmless_and_a_closed_rpc_opens_again(rpc: Rpc) -> None:
    await rpc.call("eth_chainId")
    await rpc.close()
    await rpc.close()
    assert await rpc.call("eth_chainId") == hex(CHAIN_ID)
