"""A network's people and contracts on a real EVM in this process, for the contract tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError
from web3.providers.base import JSONBaseProvider

from emeth_tui.devnet.chain.errors import RpcError
from emeth_tui.devnet.chain.server import DevChain
from emeth_tui.protocol.contracts import FIRST_SLOT_REWARD_WEI, ROUND_3_2_RATES, Rates, abi, bytecode

CHAIN_ID = 60001
EMT = 10**18
DAY_S = 86_400
NOON_UNIX_S = 20_458 * DAY_S + DAY_S // 2  # a day in 2026, 12:00 UTC
HOUR_S = 3_600
PEOPLE = ("owner", "verifier", "requester", "node", "rival", "stranger")
INITIAL_SUPPLY_WEI = 1_000_000 * EMT
FEE_WEI = 20 * EMT
_GAS = 4_000_000
_GAS_PRICE_WEI = 10 * 10**9
_FUNDED = ("requester", "node", "rival")
FUNDS_WEI = 10_000 * EMT


class World:
    """EmethCore and EmethToken with their people; the wall clock is `now_unix_s`."""

    def __init__(self) -> None:
        self.now_unix_s = NOON_UNIX_S
        self.accounts = {name: _account(name) for name in PEOPLE}
        self.chain = DevChain(
            chain_id=CHAIN_ID,
            state_file=None,
            genesis_accounts={account.address: 10**24 for account in self.accounts.values()},
            now=lambda: self.now_unix_s,
        )
        self.w3 = Web3(_LocalProvider(self.chain))
        self._snapshot = self.chain.request("evm_snapshot")
        self._jobs = 0

    # ---- people and contracts

    def address(self, name: str) -> str:
        """Return a person's address."""
        return self.accounts[name].address

    def deploy(self, name: str, *arguments: Any, by: str = "owner", artifact: Any = None) -> Contract:
        """Deploy one of the built contracts."""
        made = artifact or {"abi": abi(name), "bytecode": bytecode(name)}
        factory = self.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        receipt = self.send(by, factory.constructor(*arguments))
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=made["abi"])

    def deploy_core(self, token: Contract, rates: Rates = ROUND_3_2_RATES) -> Contract:
        return self.deploy("EmethCore", token.address, self.address("verifier"), core_params(rates))

    # ---- transactions

    def send(self, sender: str, call: Any) -> Any:
        """Send a call as a signed transaction, which must succeed; returns its receipt."""
        receipt = self.attempt(sender, call)
        assert receipt["status"] == 1, f"{sender}'s {call} was refused: {self.refusal(sender, call)}"
        return receipt

    def attempt(self, sender: str, call: Any) -> Any:
        """Send a call as a signed transaction; returns its receipt, whatever came of it."""
        account = self.accounts[sender]
        fields = call.build_transaction(
            {
                "from": account.address,
                "nonce": self.w3.eth.get_transaction_count(account.address),
                "gas": _GAS,
                "gasPrice": _GAS_PRICE_WEI,
                "chainId": CHAIN_ID,
                "value": 0,
            }
        )
        sent = self.w3.eth.send_raw_transaction(account.sign_transaction(fields).raw_transaction)
        return self.w3.eth.get_transaction_receipt(sent)

    def answer(self, sender: str, call: Any) -> Any:
        """Execute a call now without sending it, and return what it returns."""
        return call.call({"from": self.address(sender)}, block_identifier="pending")

    def refusal(self, sender: str, call: Any) -> str:
        """Execute a call now, which must be refused; returns the reason."""
        with pytest.raises(ContractLogicError) as caught:
            self.answer(sender, call)
        return (caught.value.message or "").removeprefix("execution reverted: ")

    # ---- time

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back whatever happens inside, the clock included."""
        snapshot, now_unix_s = self.chain.request("evm_snapshot"), self.now_unix_s
        try:
            yield
        finally:
            assert self.chain.request("evm_revert", snapshot)
            self.now_unix_s = now_unix_s


class Network(World):
    """A world with both contracts deployed and its people funded, as every test starts."""

    def __init__(self, rates: Rates = ROUND_3_2_RATES, *, hostile: bool = False) -> None:
        """Deploy. With `hostile`, EMT is a token that misbehaves on request."""
        super().__init__()
        self.rates = rates
        self._hostile = hostile
        self.token = self._deploy_token()
        self.core = self.deploy_core(self.token, rates)
        if not hostile:
            self.send("owner", self.token.functions.setMinter(self.core.address))
        for name in _FUNDED:
            self._fund(name)

    def _deploy_token(self) -> Contract:
        if self._hostile:
            return self.deploy("HostileToken", artifact=hostile_token_artifact())
        return self.deploy("EmethToken", INITIAL_SUPPLY_WEI)

    def _fund(self, name: str) -> None:
        if self._hostile:
            self.send("owner", self.token.functions.deal(self.address(name), FUNDS_WEI))
            return
        self.send("owner", self.token.functions.transfer(self.address(name), FUNDS_WEI))
        self.send(name, self.token.functions.approve(self.core.address, 2**256 - 1))

    # ---- jobs, each with an id of its own

    def new_job_id(self) -> bytes:
        self._jobs += 1
        return self._jobs.to_bytes(16, "big")

    def request_call(self, job_id: bytes, *, fee_wei: int = FEE_WEI, deadline_unix_s: int = 0) -> Any:
        deadline_unix_s = deadline_unix_s or self.now_unix_s + HOUR_S
        param = '{"language": "en", "epoch": 30}'
        return self.core.functions.request(job_id, 7, "book.txt", param, fee_wei, deadline_unix_s)

    def requested(self, *, fee_wei: int = FEE_WEI, deadline_unix_s: int = 0) -> bytes:
        job_id = self.new_job_id()
        self.send("requester", self.request_call(job_id, fee_wei=fee_wei, deadline_unix_s=deadline_unix_s))
        return job_id

    def processing(self, *, fee_wei: int = FEE_WEI, node: str = "node") -> bytes:
        job_id = self.requested(fee_wei=fee_wei)
        self.send(node, self.core.functions.process(job_id))
        return job_id

    def submitted(self, *, fee_wei: int = FEE_WEI, node: str = "node") -> bytes:
        job_id = self.processing(fee_wei=fee_wei, node=node)
        self.send(node, self.core.functions.submit(job_id, "checkpoint.pt"))
        return job_id

    def verified(self, gas: int, *, node: str = "node") -> bytes:
        job_id = self.submitted(node=node)
        self.send("verifier", self.core.functions.verify(job_id, gas))
        return job_id

    def status(self, job_id: bytes) -> int:
        return int(self.core.functions.jobs(job_id).call()[5])

    # ---- money

    def balances_wei(self) -> dict[str, int]:
        """Return everybody's EMT; "core" is the escrow, "supply" the total."""
        token = self.token
        holders = {name: account.address for name, account in self.accounts.items()}
        holders["core"] = self.core.address
        held = {name: self._read(token, "balanceOf", address) for name, address in holders.items()}
        return held if self._hostile else {**held, "supply": self._read(token, "totalSupply")}

    def _read(self, contract: Contract, function: str, *arguments: Any) -> int:
        """Read one number, quicker than Web3 does: tests read balances by the thousand."""
        call = {"to": contract.address, "data": _encoded(contract, function, arguments)}
        return int(self.chain.request("eth_call", call), 16)

    @contextmanager
    def moved_wei(self) -> Iterator[dict[str, int]]:
        """Record, for whom it changed, by how much EMT changes inside."""
        changes: dict[str, int] = {}
        before = self.balances_wei()
        yield changes
        after = self.balances_wei()
        changes.update({who: after[who] - held for who, held in before.items() if after[who] != held})

    def events(self, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
        """List EmethCore's events of a transaction, in order."""
        found = []
        for log in receipt["logs"]:
            if log["address"] == self.core.address:
                decoded = _decode_event(self.core, log)
                found.append((decoded["event"], dict(decoded["args"])))
        return found


@cache
def hostile_token_artifact() -> Any:
    """Read the token that misbehaves (contracts/test/HostileTokens.sol)."""
    return json.loads((Path(__file__).parent / "abi" / "HostileToken.json").read_text("utf-8"))


def core_params(rates: Rates, first_slot_reward_wei: int = FIRST_SLOT_REWARD_WEI) -> Sequence[int]:
    return (
        rates.deposit_rate,
        rates.timeout_penalty_rate,
        rates.decline_penalty_rate,
        rates.failed_penalty_rate,
        rates.verifier_fee_wei,
        rates.max_slot_gas_per_node,
        first_slot_reward_wei,
    )


def _account(name: str) -> LocalAccount:
    return Account.from_key((PEOPLE.index(name) + 1).to_bytes(32, "big"))


@cache
def _encoded(contract: Contract, function: str, arguments: tuple[Any, ...]) -> str:
    return str(contract.encode_abi(function, arguments))


def _decode_event(contract: Contract, log: Any) -> Any:
    for event in contract.events:
        if event().topic == log["topics"][0].to_0x_hex():
            return event().process_log(log)
    raise AssertionError(f"unknown event {log}")


class _LocalProvider(JSONBaseProvider):
    """Web3 on a DevChain in this process, without HTTP between them."""

    def __init__(self, chain: DevChain) -> None:
        super().__init__()
        self._chain = chain

    def make_request(self, method: Any, params: Any) -> Any:
        answer = {"jsonrpc": "2.0", "id": 1}
        # What goes over the wire is JSON: web3's own types must become it here too.
        plain = json.loads(self.encode_rpc_request(method, params))["params"]
        try:
            return {**answer, "result": self._chain.request(method, *plain)}
        except RpcError as error:
            return {**answer, "error": error.as_json()}
