"""web3 on answers that may hold anything, and on reads that are made together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from web3 import AsyncWeb3
from web3.exceptions import TransactionNotFound

from emeth_tui.clients.chain.answers import checked
from emeth_tui.clients.chain.contracts import Contracts, read
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.errors import NetworkError
from tests.clients.chain.scripted_rpc import ScriptedRpc

ADDRESS = "0x" + "11" * 20
HASH: Any = "0x" + "ab" * 32
KEY = b"\x01" * 16

_HEX = st.binary(max_size=300).map(lambda raw: "0x" + raw.hex())
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | _HEX | st.just("0x" + "f" * 80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_BLOCK = ["number", "hash", "timestamp", "baseFeePerGas", "extraData"]
_RECEIPT = ["transactionHash", "blockNumber", "gasUsed", "status", "effectiveGasPrice", "logs"]
_RECORD = st.dictionaries(st.sampled_from([*_BLOCK, *_RECEIPT, "input"]), _ODD)

# What this program asks of web3.
ASKED: dict[str, Callable[[AsyncWeb3[Any]], Awaitable[Any]]] = {
    "eth_blockNumber": lambda w3: w3.eth.block_number,
    "eth_call": lambda w3: w3.eth.call({"to": w3.to_checksum_address(ADDRESS), "data": "0x"}),
    "eth_estimateGas": lambda w3: w3.eth.estimate_gas({"to": w3.to_checksum_address(ADDRESS), "data": "0x"}),
    "eth_gasPrice": lambda w3: w3.eth.gas_price,
    "eth_getBalance": lambda w3: w3.eth.get_balance(w3.to_checksum_address(ADDRESS)),
    "eth_getBlockByNumber": lambda w3: w3.eth.get_block("latest"),
    "eth_getCode": lambda w3: w3.eth.get_code(w3.to_checksum_address(ADDRESS)),
    "eth_getTransactionByHash": lambda w3: w3.eth.get_transaction(HASH),
    "eth_getTransactionCount": lambda w3: w3.eth.get_transaction_count(w3.to_checksum_address(ADDRESS)),
    "eth_getTransactionReceipt": lambda w3: w3.eth.get_transaction_receipt(HASH),
    "eth_maxPriorityFeePerGas": lambda w3: w3.eth.max_priority_fee,
    "eth_sendRawTransaction": lambda w3: w3.eth.send_raw_transaction(b"\x00"),
}


def web3_on(rpc: ScriptedRpc) -> AsyncWeb3[Any]:
    return AsyncWeb3(ChainProvider(rpc), middleware=[])


@pytest.mark.slow
@given(result=_ODD | _RECORD)
def test_no_result_gets_an_error_of_the_librarys_out(result: object) -> None:
    async def ask() -> None:
        for method in ASKED:
            note(method)
            with contextlib.suppress(NetworkError, TransactionNotFound):
                await _ask(method, result)

    asyncio.run(ask())


async def _ask(method: str, result: object) -> Any:
    return await ASKED[method](web3_on(ScriptedRpc({method: result})))


@pytest.mark.slow
@given(result=_ODD)
def test_no_result_of_a_contract_breaks_the_reader(result: object) -> None:
    async def ask() -> None:
        contracts = Contracts(ScriptedRpc({"eth_call": result}), ADDRESS, ADDRESS)
        functions = contracts.core.functions
        for function in (functions.jobs(KEY), functions.jobDetails(KEY), functions.emtToken()):
            with contextlib.suppress(NetworkError):
                await read(function)

    asyncio.run(ask())


async def test_what_a_chain_adds_to_a_block_is_not_looked_at() -> None:
    block = {"number": "0x7", "hash": HASH, "timestamp": "0x9", "extraData": "0x" + "00" * 97, "size": []}
    read_block = await web3_on(ScriptedRpc({"eth_getBlockByNumber": block})).eth.get_block("latest")
    assert (read_block["number"], read_block["timestamp"]) == (7, 9)
    assert "extraData" not in read_block


async def test_reads_made_together_travel_together() -> None:
    rpc = ScriptedRpc({"eth_blockNumber": "0x5", "eth_gasPrice": "0x6", "eth_call": "0x"})
    w3 = web3_on(rpc)
    number, price = await asyncio.gather(w3.eth.block_number, w3.eth.gas_price)
    assert (number, price) == (5, 6)
    await w3.eth.block_number
    assert [[request.method for request in batch] for batch in rpc.batches] == [
        ["eth_blockNumber", "eth_gasPrice"],
        ["eth_blockNumber"],
    ]


async def test_a_refused_read_harms_no_other() -> None:
    refusal = RpcRefusal("nowhere", "eth_gasPrice", {"code": -32601, "message": "no such method"})
    w3 = web3_on(ScriptedRpc({"eth_blockNumber": "0x5", "eth_gasPrice": refusal}))
    number, price = await asyncio.gather(w3.eth.block_number, w3.eth.gas_price, return_exceptions=True)
    assert (number, price) == (5, refusal)


async def test_a_transaction_travels_alone() -> None:
    rpc = ScriptedRpc({"eth_blockNumber": "0x5", "eth_sendRawTransaction": HASH})
    w3 = web3_on(rpc)
    await asyncio.gather(w3.eth.block_number, w3.eth.send_raw_transaction(b"\x00"), w3.eth.block_number)
    assert sorted([request.method for request in batch] for batch in rpc.batches) == [
        ["eth_blockNumber", "eth_blockNumber"],
        ["eth_sendRawTransaction"],
    ]


class HangingRpc(ScriptedRpc):
    """Answers nothing until it is cancelled."""

    def __init__(self) -> None:
        super().__init__({})
        self.asked = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def batch(self, requests: Any) -> list[Any]:
        self.asked.set()
        try:
            return await asyncio.Event().wait()  # type: ignore[return-value]
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def test_a_batch_ends_with_the_last_task_that_waits_for_it() -> None:
    rpc = HangingRpc()
    w3 = web3_on(rpc)
    tasks = [asyncio.ensure_future(_number(w3)) for _ in range(2)]
    await rpc.asked.wait()
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    assert not rpc.cancelled.is_set()
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    await rpc.cancelled.wait()


async def _number(w3: AsyncWeb3[Any]) -> int:
    return await w3.eth.block_number


def test_a_method_that_is_not_known_here_passes_unchecked() -> None:
    assert checked("evm_mine", {"anything": None}) == {"anything": None}
    with pytest.raises(BadAnswer):
        checked("eth_blockNumber", {"anything": None})


def test_a_request_is_written_as_json_rpc() -> None:
    from emeth_tui.clients.chain.json_rpc import encode

    assert encode([Request("eth_chainId")]) == (
        b'{"jsonrpc": "2.0", "id": 0, "method": "eth_chainId", "params": []}'
    )
