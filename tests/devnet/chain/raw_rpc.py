"""JSON-RPC by hand, and transactions to send with it: nothing of web3 between a test and the wire."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
from eth_account import Account
from web3 import Web3

from emeth_tui.protocol.contracts import abi, bytecode
from tests.loopback import local_client

CHAIN_ID = 60001
ALICE = Account.from_key("0x" + "a1" * 32)
BOB = Account.from_key("0x" + "b0" * 32)
PAUPER = Account.from_key("0x" + "99" * 32)
GENESIS_ACCOUNTS = {ALICE.address: 10**24, BOB.address: 10**21}
GWEI = 10**9


class RawRpc:
    """A client of one endpoint."""

    def __init__(self, url: str) -> None:
        self._client = local_client(url)
        self._ids = itertools.count(1)

    async def answer(self, method: str, *params: Any) -> dict[str, Any]:
        """Send a request; returns the answer whole."""
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        return dict(await self.post(request))

    async def result(self, method: str, *params: Any) -> Any:
        """Send a request, which must not fail; returns its result."""
        answer = await self.answer(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, *params: Any) -> dict[str, Any]:
        """Send a request, which must fail; returns the error."""
        answer = await self.answer(method, *params)
        assert "error" in answer, answer
        return dict(answer["error"])

    async def post(self, body: Any) -> Any:
        """Post a body; returns what came back, decoded."""
        return (await self.post_raw(body)).json()

    async def post_raw(self, body: Any) -> httpx.Response:
        if isinstance(body, bytes):
            return await self._client.post("/", content=body, headers={"content-type": "application/json"})
        return await self._client.post("/", json=body)

    async def close(self) -> None:
        await self._client.aclose()


def signed(nonce: int, account: Any = ALICE, **changes: Any) -> str:
    """Sign a transfer of 1 wei to Bob, with any field changed; a gasPrice makes it a legacy transaction."""
    fields: dict[str, Any] = {
        "nonce": nonce,
        "gas": 21_000,
        "to": BOB.address,
        "value": 1,
        "chainId": CHAIN_ID,
        **({} if "gasPrice" in changes else {"maxFeePerGas": 20 * GWEI, "maxPriorityFeePerGas": GWEI}),
        **changes,
    }
    return str(account.sign_transaction(fields).raw_transaction.to_0x_hex())


def encoded(contract: str, function: str, *arguments: Any) -> str:
    """Encode a call of EmethCore or EmethToken."""
    return str(Web3().eth.contract(abi=abi(contract)).encode_abi(function, list(arguments)))


def creation(contract: str, *arguments: Any) -> str:
    """Encode the creation of EmethCore or EmethToken."""
    factory = Web3().eth.contract(abi=abi(contract), bytecode=bytecode(contract))
    return str(factory.constructor(*arguments).data_in_transaction)


def revert_data(reason: str) -> str:
    """Encode what `require` sends back."""
    return "0x08c379a0" + Web3().codec.encode(["string"], [reason]).hex()
