"""Deploy EmethToken and EmethCore, from an account not used before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from web3 import AsyncWeb3
from web3.exceptions import Web3Exception
from web3.types import Nonce
from web3.utils import get_create_address

from emeth_tui.errors import NetworkError, ServiceError
from emeth_tui.notices.reasons.local.serving import DeployerUsed, DeployFailed, NotDeployed
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, Rates, abi, bytecode

_TOKEN_NONCE = Nonce(0)
_CORE_NONCE = Nonce(1)
_RECEIPT_TIMEOUT_S = 60
_RECEIPT_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are."""

    core_address: ChecksumAddress
    token_address: ChecksumAddress


@dataclass(frozen=True, slots=True)
class Build:
    """The creation bytecode (`0x…`) of two contracts whose constructors are those of ours."""

    core: str = field(default_factory=lambda: bytecode("EmethCore"))
    token: str = field(default_factory=lambda: bytecode("EmethToken"))


def deployment_of(deployer: ChecksumAddress) -> Deployment:
    """Return where this deployer's contracts are or will be: its first two transactions fix the addresses."""
    return Deployment(
        core_address=to_checksum_address(get_create_address(deployer, _CORE_NONCE)),
        token_address=to_checksum_address(get_create_address(deployer, _TOKEN_NONCE)),
    )


async def deploy(
    w3: AsyncWeb3[Any],
    deployer: LocalAccount,
    *,
    verifier: ChecksumAddress,
    initial_supply_wei: int,
    rates: Rates = ROUND_3_2_RATES,
    build: Build | None = None,
) -> Deployment:
    """Deploy both contracts and make EmethCore the minter; the deployer gets the initial supply of EMT.

    Without a `build` they are ours.

    Calling it again on the same chain changes nothing, or finishes an interrupted deployment. Raise
    ServiceError when the deployer's account has been used for something else first.
    """
    deployment = deployment_of(deployer.address)
    steps = _steps(w3, deployment, verifier, initial_supply_wei, rates, build or Build())
    done = await w3.eth.get_transaction_count(deployer.address)
    for nonce, step in enumerate(steps[done:], start=done):
        await _send(w3, deployer, step, nonce)
    for address in (deployment.token_address, deployment.core_address):
        if not await w3.eth.get_code(address):
            raise ServiceError(DeployerUsed(address))
    return deployment


def _steps(
    w3: AsyncWeb3[Any],
    deployment: Deployment,
    verifier: ChecksumAddress,
    supply_wei: int,
    rates: Rates,
    build: Build,
) -> Sequence[Any]:
    """Return the deployer's transactions, by nonce."""
    token_class = w3.eth.contract(abi=abi("EmethToken"), bytecode=build.token)
    core_class = w3.eth.contract(abi=abi("EmethCore"), bytecode=build.core)
    token = w3.eth.contract(address=deployment.token_address, abi=abi("EmethToken"))
    params = (
        rates.deposit_rate,
        rates.timeout_penalty_rate,
        rates.decline_penalty_rate,
        rates.failed_penalty_rate,
        rates.verifier_fee_wei,
        rates.max_slot_gas_per_node,
    )
    return (
        token_class.constructor(supply_wei),
        core_class.constructor(deployment.token_address, verifier, params),
        token.functions.setMinter(deployment.core_address),
    )


async def _send(w3: AsyncWeb3[Any], deployer: LocalAccount, step: Any, nonce: int) -> None:
    fields = {
        "from": deployer.address,
        "nonce": nonce,
        "chainId": await w3.eth.chain_id,
        "gasPrice": await w3.eth.gas_price,
    }
    try:
        signed = deployer.sign_transaction(await step.build_transaction(fields))
        sent = await w3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = await w3.eth.wait_for_transaction_receipt(
            sent, timeout=_RECEIPT_TIMEOUT_S, poll_latency=_RECEIPT_POLL_S
        )
    except (Web3Exception, NetworkError) as error:
        raise ServiceError(NotDeployed(str(error))) from error
    if receipt["status"] != 1:
        raise ServiceError(DeployFailed(sent.to_0x_hex()))
