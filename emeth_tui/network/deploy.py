"""Deploy EmethToken and EmethCore: three transactions with nonces that follow each other, each sent once.

An account's address and a nonce fix a contract's address. So where the contracts will be is known before
anything is sent, and a deployment that broke off goes on under the nonces with which it began.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from emeth_tui.clients.chain.web3 import AsyncWeb3, Nonce, Web3Exception, get_create_address
from emeth_tui.clients.transactions.broadcast import Verdict, broadcast, nonce_status
from emeth_tui.clients.transactions.gas_price import MAX_GAS_PRICE_WEI, GasPrice, market_price
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import NetworkError, ServiceError, TransactionError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.local.serving import DeployerUsed, DeployFailed, NotDeployed, NotInBlock
from emeth_tui.protocol.contracts import FIRST_SLOT_REWARD_WEI, ROUND_3_2_RATES, Rates, abi, bytecode

TRANSACTIONS = 3  # token, core, setMinter
GAS = 3_600_000  # of all of them; a test holds it to what they take
BUMP_AFTER_S = 60.0  # without a block: a higher fee under the same nonce
GIVE_UP_AFTER_S = 600.0
_POLL_S = 0.02
_SLOWEST_POLL_S = 2.0
_GAS_MARGIN_PERCENT = 20
_SENT = frozenset({Verdict.ACCEPTED, Verdict.KNOWN, Verdict.UNANSWERED, Verdict.NONCE_TAKEN})


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are."""

    core_address: ChecksumAddress
    token_address: ChecksumAddress


@dataclass(frozen=True, slots=True)
class Terms:
    """What the contracts are deployed with. Rates and reward stay as they are for good.

    Without a `minter` EmethCore is it, as it must be to pay the days' rewards.
    """

    verifier: ChecksumAddress
    supply_wei: int
    rates: Rates = ROUND_3_2_RATES
    first_slot_reward_wei: int = FIRST_SLOT_REWARD_WEI
    minter: ChecksumAddress | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """The creation bytecode (`0x…`) of two contracts whose constructors are those of ours."""

    core: str = field(default_factory=lambda: bytecode("EmethCore"))
    token: str = field(default_factory=lambda: bytecode("EmethToken"))


class Journal(Protocol):
    """Keeps signed transactions by nonce, before they are sent."""

    def kept(self, nonce: int) -> Sequence[bytes]:
        """Return what was signed under a nonce, oldest first."""
        ...

    def keep(self, nonce: int, raw: bytes) -> None:
        """Keep a signed transaction for good."""
        ...


class _Memory:
    def __init__(self) -> None:
        self._signed: dict[int, list[bytes]] = {}

    def kept(self, nonce: int) -> Sequence[bytes]:
        return self._signed.get(nonce, [])

    def keep(self, nonce: int, raw: bytes) -> None:
        self._signed.setdefault(nonce, []).append(raw)


def deployment_of(deployer: ChecksumAddress, first_nonce: int = 0) -> Deployment:
    """Return where a deployer's contracts are, or will be, by the nonce of its first transaction."""
    return Deployment(
        core_address=to_checksum_address(get_create_address(deployer, Nonce(first_nonce + 1))),
        token_address=to_checksum_address(get_create_address(deployer, Nonce(first_nonce))),
    )


async def deploy(
    w3: AsyncWeb3[Any],
    deployer: Wallet,
    terms: Terms,
    *,
    first_nonce: int = 0,
    chain_id: int | None = None,
    most_wei: int = MAX_GAS_PRICE_WEI,
    journal: Journal | None = None,
    build: Build | None = None,
) -> Deployment:
    """Deploy both contracts and name the minter; the deployer gets the initial supply of EMT.

    Calling it again with the same nonce finishes an interrupted deployment, or changes nothing. A deployer
    that used these nonces for something else is refused. What is signed is for the chain of this id, or that
    which the endpoint names, and pays `most_wei` a unit of gas at most. Without a `build` the contracts are
    ours. Raise ServiceError.
    """
    address = to_checksum_address(deployer.address)
    deployment = deployment_of(address, first_nonce)
    created = (deployment.token_address, deployment.core_address)
    try:
        chain_id = await w3.eth.chain_id if chain_id is None else chain_id
        sender = _Sender(w3, deployer, chain_id, most_wei, journal or _Memory())
        for number, step in enumerate(_steps(w3, deployment, terms, build or Build())):
            await sender.carry_out(first_nonce + number, step)
            if number < len(created) and not await w3.eth.get_code(created[number]):
                raise ServiceError(DeployerUsed(created[number]))  # before the next step is paid for
    except (NetworkError, TransactionError) as error:
        raise ServiceError(NotDeployed(error.reason)) from error
    except Web3Exception as error:
        raise ServiceError(NotDeployed(one_line(error))) from error
    return deployment


def _steps(
    w3: AsyncWeb3[Any], deployment: Deployment, terms: Terms, build: Build
) -> Sequence[tuple[str, Any]]:
    """Return the deployer's transactions, by nonce, each with its name."""
    token_class = w3.eth.contract(abi=abi("EmethToken"), bytecode=build.token)
    core_class = w3.eth.contract(abi=abi("EmethCore"), bytecode=build.core)
    token = w3.eth.contract(address=deployment.token_address, abi=abi("EmethToken"))
    rates = terms.rates
    params = (
        rates.deposit_rate,
        rates.timeout_penalty_rate,
        rates.decline_penalty_rate,
        rates.failed_penalty_rate,
        rates.verifier_fee_wei,
        rates.max_slot_gas_per_node,
        terms.first_slot_reward_wei,
    )
    return (
        ("EmethToken", token_class.constructor(terms.supply_wei)),
        ("EmethCore", core_class.constructor(deployment.token_address, terms.verifier, params)),
        ("setMinter", token.functions.setMinter(terms.minter or deployment.core_address)),
    )


class _Sender:
    """Sees one account's transactions through, one nonce after the other."""

    def __init__(
        self, w3: AsyncWeb3[Any], wallet: Wallet, chain_id: int, most_wei: int, journal: Journal
    ) -> None:
        self._w3 = w3
        self._wallet = wallet
        self._address = to_checksum_address(wallet.address)
        self._chain_id = chain_id
        self._most_wei = most_wei
        self._journal = journal

    async def carry_out(self, nonce: int, named_step: tuple[str, Any]) -> None:
        """Send a step's transaction, unless its nonce is used, and wait for its block."""
        name, step = named_step
        if await self._w3.eth.get_transaction_count(self._address) > nonce:
            await self._check(nonce)
            return
        if not self._journal.kept(nonce):
            price = await market_price(self._w3, self._most_wei)
            self._sign(nonce, await self._fields(nonce, step), price)
        give_up_s = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < give_up_s:
            await self._send(self._journal.kept(nonce)[-1])
            if await self._is_mined(nonce, BUMP_AFTER_S):
                await self._check(nonce)
                return
            await self._raise_fee(nonce, step)
        raise ServiceError(NotInBlock(name, GIVE_UP_AFTER_S))

    async def _fields(self, nonce: int, step: Any) -> dict[str, Any]:
        """Return a transaction without a price. The gas is estimated: what comes before is in a block."""
        estimate = int(await step.estimate_gas({"from": self._address}))
        fields = {
            "from": self._address,
            "nonce": nonce,
            "chainId": self._chain_id,
            "gas": estimate * (100 + _GAS_MARGIN_PERCENT) // 100,
            "gasPrice": 0,  # or web3 asks for one
        }
        built = dict(await step.build_transaction(fields))
        return {key: value for key, value in built.items() if key not in {"gasPrice", "from"}}

    def _sign(self, nonce: int, fields: dict[str, Any], price: GasPrice) -> None:
        raw, _ = self._wallet.sign_transaction({**fields, **price.fields()})
        self._journal.keep(nonce, raw)

    async def _raise_fee(self, nonce: int, step: Any) -> None:
        price = market = await market_price(self._w3, self._most_wei)
        for _ in self._journal.kept(nonce):
            price = price.bumped(market)
        if price.max_wei > self._most_wei:
            return  # what was signed last is sent again
        self._sign(nonce, await self._fields(nonce, step), price)

    async def _send(self, raw: bytes) -> None:
        sent = await broadcast(self._w3, raw)
        if sent.verdict not in {*_SENT, Verdict.UNDERPRICED}:
            raise ServiceError(NotDeployed(sent.said))

    async def _is_mined(self, nonce: int, patience_s: float) -> bool:
        give_up_s, wait_s = time.monotonic() + patience_s, _POLL_S
        while time.monotonic() < give_up_s:
            if await self._w3.eth.get_transaction_count(self._address) > nonce:
                return True
            await asyncio.sleep(wait_s)
            wait_s = min(_SLOWEST_POLL_S, wait_s * 1.5)
        return False

    async def _check(self, nonce: int) -> None:
        """Raise ServiceError where the transaction of ours with this nonce was reverted."""
        hashes = ["0x" + keccak(raw).hex() for raw in self._journal.kept(nonce)]
        receipt = (await nonce_status(self._w3, self._address, hashes)).receipt
        if receipt is not None and not receipt.ok:
            raise ServiceError(DeployFailed(receipt.tx_hash))
