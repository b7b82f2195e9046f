"""JSON-RPC answers, ABI-encoded records, logs and receipts, and the journal's signed bytes."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from eth_abi.abi import encode
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector
from web3.exceptions import TransactionNotFound

from emeth_tui.backoff import Backoff
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contracts import revert_reason
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import NetworkError, StoreError
from emeth_tui.model import JobId
from emeth_tui.protocol import contracts
from emeth_tui.settings import Network
from tests.fuzz.mock_body import Body
from tests.fuzz.target import Target

CORE, TOKEN, NODE = (f"0x{digit * 40}" for digit in "123")
JOB_ID = JobId("0x" + "ab" * 16)
HASH = "0x" + "cd" * 32
PARAM = '{"language": "en", "epoch": 30}'
_EXAMPLES: dict[str, Any] = {
    "uint256": 5,
    "bool": True,
    "string": PARAM,
    "address": NODE,
    "bytes16": bytes.fromhex(JOB_ID[2:]),
}
Read = Callable[[ChainClient], Awaitable[object]]


class Chain:
    """A chain client whose endpoint answers correctly, but for what `twist` makes of it."""

    def __init__(self) -> None:
        self.twist_body: Callable[[bytes], bytes] = lambda body: body
        self.twist_call: Callable[[str], str] = lambda data: data
        self._answers = {
            "eth_chainId": hex(60_001),
            "eth_blockNumber": "0x10",
            "eth_getBalance": hex(10**18),
            "eth_gasPrice": hex(10**9),
            "eth_getTransactionCount": "0x2",
            "eth_getCode": "0x60",
            "eth_getBlockByNumber": {"number": "0x10", "hash": HASH, "timestamp": "0x6a000000"},
            "eth_getTransactionReceipt": _RECEIPT,
            "eth_getTransactionByHash": {"hash": HASH},
        }
        abi: list[Any] = [*contracts.abi("EmethCore"), *contracts.abi("EmethToken")]
        self._calls = {
            "0x" + function_abi_to_4byte_selector(entry).hex(): _example(entry["outputs"])
            for entry in abi
            if entry["type"] == "function"
        }
        self.logs = [_log(entry) for entry in abi if entry["type"] == "event"]
        network = Network.model_validate(
            {
                "chain_id": 60_001,
                "rpc_urls": ["http://127.0.0.1:1"],
                "core_address": CORE,
                "token_address": TOKEN,
                "models": {"en": "x", "ja": "x"},
            }
        )
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.client = ChainClient(network, Transport(client, Retry(attempts=1, backoff=Backoff(0.0, 0.0))))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        calls = json.loads(request.content)
        answers = [self._one(call) for call in (calls if isinstance(calls, list) else [calls])]
        body = json.dumps(answers if isinstance(calls, list) else answers[0]).encode()
        return httpx.Response(200, stream=Body(self.twist_body(body)))

    def _one(self, call: dict[str, Any]) -> dict[str, Any]:
        method = call["method"]
        result: Any = self._answers.get(method)
        if method == "eth_call":
            result = self.twist_call(self._calls[call["params"][0]["data"][:10]])
        if method == "eth_getLogs":
            result = self.logs
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}


_RECEIPT = {
    "transactionHash": HASH,
    "blockNumber": "0x10",
    "blockHash": HASH,
    "gasUsed": "0x5208",
    "status": "0x1",
    "effectiveGasPrice": "0x3b9aca00",
    "logs": [],
}
_READ_ERRORS = (NetworkError, TransactionNotFound)  # the second is what web3 says of a receipt that is null
_READS: tuple[Read, ...] = (
    lambda chain: chain.head(),
    lambda chain: chain.balances(NODE),
    lambda chain: chain.jobs([JOB_ID]),
    lambda chain: chain.rates(),
    lambda chain: chain.current_slot(),
    lambda chain: chain.slot_shares(NODE, [3, 4]),
    lambda chain: chain.events(0, 20),
    lambda chain: chain.w3.eth.get_transaction_receipt(bytes.fromhex(HASH[2:])),  # type: ignore[arg-type]
    lambda chain: chain.w3.eth.gas_price,
)


def _example(types: list[dict[str, Any]]) -> str:
    names = [each["type"] for each in types]
    return "0x" + encode(names, [_EXAMPLES.get(name, 5) for name in names]).hex()


def _log(event: Any) -> dict[str, Any]:
    indexed = [each for each in event["inputs"] if each["indexed"]]
    topics = ["0x" + encode([each["type"]], [_EXAMPLES[each["type"]]]).hex() for each in indexed]
    return {
        "address": CORE,
        "topics": ["0x" + event_abi_to_log_topic(event).hex(), *topics],
        "data": _example([each for each in event["inputs"] if not each["indexed"]]),
        "blockNumber": "0x5",
        "blockHash": HASH,
        "transactionHash": HASH,
        "transactionIndex": "0x0",
        "logIndex": "0x1",
    }


def targets() -> list[Target]:
    chain = Chain()
    return [_json_rpc(chain), _records(chain), _logs(chain), _receipts(chain), _reverts(), _signed_bytes()]


def _reading(chain: Chain, reads: tuple[Read, ...]) -> Callable[[], None]:
    loop = asyncio.new_event_loop()
    turns = itertools.cycle(reads)

    async def one() -> None:
        await next(turns)(chain.client)

    return lambda: loop.run_until_complete(one())


def _json_rpc(chain: Chain) -> Target:
    """Mutate whole answers: the input is laid over the right one, from its middle on."""
    read = _reading(chain, _READS)
    bodies: list[bytes] = []
    chain.twist_body = lambda body: bodies.append(body) or body  # type: ignore[func-returns-value]
    for _ in _READS:
        read()

    def take(data: bytes) -> None:
        chain.twist_body = lambda _body: data
        try:
            read()
        finally:
            chain.twist_body = lambda body: body

    return Target("JSON-RPC answers", bodies, take, _READ_ERRORS, share=3.0)


def _records(chain: Chain) -> Target:
    """Mutate the bytes of what contract functions return."""
    read = _reading(chain, _READS[1:6])
    corpus = [bytes.fromhex(data[2:]) for data in dict.fromkeys(chain._calls.values())]

    def take(data: bytes) -> None:
        chain.twist_call = lambda _right: "0x" + data.hex()
        try:
            read()
        finally:
            chain.twist_call = lambda right: right

    return Target("ABI-encoded records", corpus, take, (NetworkError,), share=2.0)


def _logs(chain: Chain) -> Target:
    """Mutate the JSON of logs, and so their topics and data."""
    right = chain.logs
    read = _reading(chain, _READS[6:7])

    def take(data: bytes) -> None:
        try:
            chain.logs = json.loads(data)
        except (ValueError, RecursionError):
            return
        try:
            read()
        finally:
            chain.logs = right

    return Target("logs", [json.dumps([log]).encode() for log in right], take, (NetworkError,), share=2.0)


def _receipts(chain: Chain) -> Target:
    read = _reading(chain, _READS[7:8])

    def take(data: bytes) -> None:
        try:
            chain._answers["eth_getTransactionReceipt"] = json.loads(data)
        except (ValueError, RecursionError):
            return
        read()

    return Target("receipts", [json.dumps(_RECEIPT).encode()], take, _READ_ERRORS)


def _reverts() -> Target:
    text = bytes.fromhex("08c379a0") + encode(["string"], ["the fee is too low"])
    panic = bytes.fromhex("4e487b71") + encode(["uint256"], [17])
    return Target("revert data", [text, panic], revert_reason)


def _signed_bytes() -> Target:
    wallet = Wallet(b"\x07" * 32)
    common = {"nonce": 5, "to": "0x" + "00" * 19 + "01", "value": 0, "data": b"\x01\x02" * 40, "gas": 90_000}
    legacy, _ = wallet.sign_transaction({**common, "gasPrice": 10**9, "chainId": 60_001})
    dynamic, _ = wallet.sign_transaction(
        {**common, "maxFeePerGas": 10**9, "maxPriorityFeePerGas": 10**8, "chainId": 60_001, "type": 2}
    )
    return Target("the journal's signed bytes", [legacy, dynamic], read_signed, (StoreError,))
