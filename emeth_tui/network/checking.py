"""Look at what was deployed: whether the contracts are there, and are what was asked for."""

from __future__ import annotations

from typing import Any

from emeth_tui.clients.chain.web3 import AsyncWeb3
from emeth_tui.errors import ServiceError
from emeth_tui.network.deploy import Deployment, Terms
from emeth_tui.notices.reasons.local.serving import DeployedOtherwise, DeployerUsed
from emeth_tui.protocol.contracts import abi


async def require_code(w3: AsyncWeb3[Any], deployment: Deployment) -> None:
    """Raise ServiceError unless there is a contract at both addresses."""
    for address in (deployment.token_address, deployment.core_address):
        if not await w3.eth.get_code(address):
            raise ServiceError(DeployerUsed(address))


async def check_terms(w3: AsyncWeb3[Any], deployment: Deployment, terms: Terms) -> None:
    """Read every term back from the chain. Raise ServiceError naming the first that is another."""
    await require_code(w3, deployment)
    core = w3.eth.contract(address=deployment.core_address, abi=abi("EmethCore")).functions
    token = w3.eth.contract(address=deployment.token_address, abi=abi("EmethToken")).functions
    rates = terms.rates
    expected = (
        ("emtToken", core.emtToken(), deployment.token_address),
        ("verifier", core.verifier(), terms.verifier),
        ("DEPOSIT_RATE", core.DEPOSIT_RATE(), rates.deposit_rate),
        ("TIMEOUT_PENALTY_RATE", core.TIMEOUT_PENALTY_RATE(), rates.timeout_penalty_rate),
        ("DECLINE_PENALTY_RATE", core.DECLINE_PENALTY_RATE(), rates.decline_penalty_rate),
        ("FAILED_PENALTY_RATE", core.FAILED_PENALTY_RATE(), rates.failed_penalty_rate),
        ("VERIFIER_FEE", core.VERIFIER_FEE(), rates.verifier_fee_wei),
        ("MAX_SLOT_GAS_PER_NODE", core.MAX_SLOT_GAS_PER_NODE(), rates.max_slot_gas_per_node),
        ("FIRST_SLOT_REWARD", core.FIRST_SLOT_REWARD(), terms.first_slot_reward_wei),
        ("minter", token.minter(), terms.minter or deployment.core_address),
    )
    for name, call, value in expected:
        found = await call.call()
        if found != value:
            raise ServiceError(DeployedOtherwise(name, str(found), str(value)))
