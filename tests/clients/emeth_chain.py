"""A real chain for tests: py-evm with EmethCore and EMT on it, behind HTTP that can be made to misbehave."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send
from web3 import AsyncWeb3, Web3
from web3.contract import Contract

from emeth_tui.clients.chain.contracts import Call
from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.chain.server import DevChain
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.network.deploy import Terms, deploy, deployment_of
from emeth_tui.protocol.contracts import abi
from emeth_tui.protocol.job_ids import job_id_bytes, job_id_from_bytes
from emeth_tui.settings import Network
from tests.clients.local_server import LocalServer

CHAIN_ID = 60001
NATIVE_WEI = 10**21
SUPPLY_WEI = token_to_wei(1_000_000)
NODE_EMT_WEI = token_to_wei(1_000)
FEE_WEI = token_to_wei(20)
PARAM = '{"language": "en", "epoch": 30}'
GAS_LIMIT = 2_000_000
HANGS_S = 120.0


class CutConnection(Exception):
    """Raised by a hook: the connection breaks in the middle of the answer."""


class Answer(Exception):
    """Raised by a hook: these bytes are the answer."""

    def __init__(self, body: bytes, status: int = 200, *, location: str = "") -> None:
        super().__init__()
        self.body = body
        self.status = status
        self.location = location


def refusal(call: dict[str, Any], message: str) -> Answer:
    """Make the error answer to a call that the chain does not get to see."""
    error = {"code": -32000, "message": message}
    return Answer(json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}).encode())


class UnreliableApp:
    """The chain's HTTP application, with hooks on its methods.

    A hook sees a call before the chain does. What it returns, unless None, is laid over the chain's answer.
    """

    def __init__(self, chain_app: Starlette) -> None:
        self._chain_app = chain_app
        self.hooks: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {}
        self.refuses_batches = False
        self.calls: list[dict[str, Any]] = []
        self.posts = 0
        self._answered: Counter[str] = Counter()
        self._news = threading.Condition()

    async def answered(self, method: str, times: int = 1) -> None:
        """Wait until so many calls of a method have been answered."""

        def wait() -> bool:
            with self._news:
                return self._news.wait_for(lambda: self._answered[method] >= times, timeout=HANGS_S)

        assert await asyncio.to_thread(wait), f"{method} was not called {times} times"

    def params_of(self, method: str) -> list[Any]:
        """List the first parameter of each call of a method so far."""
        return [call["params"][0] for call in self.calls if call["method"] == method]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        self.posts += 1
        try:
            changes = self._run_hooks(json.loads(body))
        except Answer as instead:
            await _reply(send, instead.body, instead.status, location=instead.location)
        except CutConnection:
            await _reply(send, b"{", 200, announced=1_000)
        else:
            answer = json.loads(await self._ask_chain(scope, body))
            for entry in answer if isinstance(answer, list) else [answer]:
                if entry["id"] in changes:
                    entry.pop("result", None)
                    entry.pop("error", None)
                    entry.update(changes[entry["id"]])
            await _reply(send, json.dumps(answer).encode())
        finally:
            parsed = json.loads(body)
            with self._news:
                self._answered.update(
                    call["method"] for call in (parsed if isinstance(parsed, list) else [parsed])
                )
                self._news.notify_all()

    def _run_hooks(self, parsed: Any) -> dict[int, dict[str, Any]]:
        if isinstance(parsed, list) and self.refuses_batches:
            refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches here"}}
            raise Answer(json.dumps(refusal).encode())
        changes = {}
        for call in parsed if isinstance(parsed, list) else [parsed]:
            self.calls.append(call)
            hook = self.hooks.get(call["method"])
            change = hook(call) if hook else None
            if change is not None:
                changes[call["id"]] = change
        return changes

    async def _ask_chain(self, scope: Scope, body: bytes) -> bytes:
        answered = bytearray()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answered.extend(message.get("body", b""))

        await self._chain_app(scope, receive, send)
        return bytes(answered)


class EmethChain:
    """The network's chain, and its people: a node, a rival, a requester, a verifier."""

    def __init__(self, chain: DevChain, app: UnreliableApp, url: str) -> None:
        deployment = deployment_of(DEPLOYER.address)
        self.chain = chain
        self.app = app
        self.network = Network(
            name="test",
            chain_id=CHAIN_ID,
            native_symbol="ALT",
            rpc_urls=[url],
            core_address=deployment.core_address,
            token_address=deployment.token_address,
            storage_url="http://127.0.0.1:9",
            info_url="http://127.0.0.1:9",
            models={"en": "x", "ja": "x"},
        )
        self.wallet = Wallet(NODE.key)

    def ask(self, method: str, *params: Any) -> Any:
        """Ask the chain behind the HTTP server's back."""
        return self.chain.request(method, *params)

    def core(self, function: str, *arguments: object) -> Call:
        return _make_call(self.network.core_address, "EmethCore", function, arguments)

    def token(self, function: str, *arguments: object) -> Call:
        return _make_call(self.network.token_address, "EmethToken", function, arguments)

    def send(self, account: LocalAccount, call: Call, *, gas_price_wei: int = 10**10) -> str:
        """Send a call as someone else would; return the hash."""
        fields: dict[str, Any] = {
            "chainId": CHAIN_ID,
            "nonce": int(self.ask("eth_getTransactionCount", account.address, "pending"), 16),
            "to": call.address,
            "value": 0,
            "data": call.data,
            "gas": GAS_LIMIT,
            "gasPrice": gas_price_wei,
        }
        signed = account.sign_transaction(fields)
        return str(self.ask("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex()))

    def succeed(self, account: LocalAccount, call: Call) -> None:
        """Send a call that must be mined and not reverted."""
        receipt = self.ask("eth_getTransactionReceipt", self.send(account, call))
        assert receipt["status"] == "0x1", call.function

    def request_job(self, *, fee_wei: int = FEE_WEI, dataset: str = "a.txt", param: str = PARAM) -> JobId:
        """Post a job that any node may take."""
        job_id = job_id_from_bytes(secrets.token_bytes(16))
        self.succeed(REQUESTER, self.token("approve", self.network.core_address, fee_wei))
        deadline = int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 86_400
        self.succeed(
            REQUESTER, self.core("request", job_id_bytes(job_id), 1, dataset, param, fee_wei, deadline)
        )
        return job_id

    def take(self, account: LocalAccount, job_id: JobId, deposit_wei: int = FEE_WEI) -> None:
        """Claim a job for an account."""
        self.succeed(account, self.token("approve", self.network.core_address, deposit_wei))
        self.succeed(account, self.core("process", job_id_bytes(job_id)))

    def verify(self, job_id: JobId, gas: int) -> None:
        self.succeed(VERIFIER, self.core("verify", job_id_bytes(job_id), gas))

    def next_day(self) -> None:
        """Go past the next 00:00 UTC."""
        self.ask("evm_increaseTime", 86_400)
        self.ask("evm_mine")


DEPLOYER, NODE, RIVAL, REQUESTER, VERIFIER = (Account.from_key(bytes([byte]) * 32) for byte in range(1, 6))


@contextmanager
def emeth_chain(server: LocalServer, state_file: Path) -> Iterator[EmethChain]:
    """Run the chain that is kept in a file; a new one has everybody funded with native tokens."""
    people = (DEPLOYER, NODE, RIVAL, REQUESTER, VERIFIER)
    accounts = dict.fromkeys((person.address for person in people), NATIVE_WEI)
    chain = DevChain(chain_id=CHAIN_ID, state_file=state_file, genesis_accounts=accounts)
    app = UnreliableApp(chain.app())
    with server.mounted(app) as url:
        yield EmethChain(chain, app, url)
    chain.close()


async def deploy_contracts(server: LocalServer, state_file: Path) -> None:
    """Make a chain with the contracts deployed and everybody funded with EMT, and keep it in a file."""
    with emeth_chain(server, state_file) as network:
        async with open_transport() as transport:
            w3 = AsyncWeb3(ChainProvider(Rpc(network.network.rpc_urls, transport)), middleware=[])
            await deploy(w3, Wallet(DEPLOYER.key), Terms(VERIFIER.address, SUPPLY_WEI))
        for person in (NODE, RIVAL, REQUESTER):
            network.succeed(DEPLOYER, network.token("transfer", person.address, NODE_EMT_WEI))


def _make_call(address: str, contract: str, function: str, arguments: Sequence[object]) -> Call:
    return Call(address, function, _encoder(contract).encode_abi(function, arguments))


@cache
def _encoder(contract: str) -> type[Contract]:
    return Web3().eth.contract(abi=abi(contract))


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _reply(
    send: Send, body: bytes, status: int = 200, *, announced: int | None = None, location: str = ""
) -> None:
    """Answer; an announced length that is longer than the body makes uvicorn cut the connection."""
    length = str(len(body) if announced is None else announced).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    headers += [(b"location", location.encode())] if location else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": announced is not None})
