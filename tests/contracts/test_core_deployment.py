"""Deployment: what the constructor refuses, and the interface that everyone relies on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from web3.exceptions import ContractLogicError

from emeth_tui.protocol.contracts import ROUND_3_2_RATES, Rates, abi, bytecode
from tests.contracts.world import Network, core_params

# protocol.md §3: call -> what it returns
CORE_CALLS = {
    "request(bytes16,uint256,string,string,uint256,uint256)": "bool",
    "cancel(bytes16)": "bool",
    "process(bytes16)": "bool",
    "submit(bytes16,string)": "bool",
    "decline(bytes16)": "bool",
    "verify(bytes16,uint256)": "bool",
    "rejectResult(bytes16)": "bool",
    "timeout(bytes16)": "bool",
    "withdrawSlotReward(uint256)": "bool",
    "jobs(bytes16)": "bool exist, bytes16 jobId, address owner, uint256 deadline, uint256 fee, "
    "uint256 status, uint256 requestedAt",
    "jobDetails(bytes16)": "uint256 programId, string param, string dataset, string result",
    "jobAssigns(bytes16)": "address node, uint256 deposit, uint256 gas, uint256 startedAt, "
    "uint256 submittedAt, uint256 verifiedAt",
    "jobIndexes(uint256)": "bytes16",
    "jobAssignedCount(address)": "uint256",
    "jobAssignedHistory(address,uint256)": "bytes16",
    "currentSlot()": "uint256",
    "startSlot()": "uint256",
    "currentSlotReward()": "uint256",
    "slots(uint256)": "uint256 totalGas, uint256 totalReward",
    "slotGas(uint256,address)": "uint256",
    "slotBalances(uint256,address)": "uint256",
    "nodeSlots(address,uint256)": "uint256",
    "nodeSlotCount(address)": "uint256",
    "nodeSlotUnique(address,uint256)": "bool",
    "DEPOSIT_RATE()": "uint256",
    "TIMEOUT_PENALTY_RATE()": "uint256",
    "DECLINE_PENALTY_RATE()": "uint256",
    "FAILED_PENALTY_RATE()": "uint256",
    "VERIFIER_FEE()": "uint256",
    "MAX_SLOT_GAS_PER_NODE()": "uint256",
    "verifier()": "address",
    "emtToken()": "address",
    "getEstimatedGas(uint256,uint256)": "uint256",
}
CORE_EVENTS = {
    "Request(address indexed owner, bytes16 indexed jobId, uint256 fee, uint256 deadline)",
    "Status(bytes16 indexed jobId, address nodeAddress, uint256 status)",
    "Cancel(bytes16 indexed jobId)",
    "Reward(address indexed nodeAddress, uint256 slot, uint256 gas)",
    "Penalty(address indexed nodeAddress, uint256 slashed)",
}
TOKEN_CALLS = {
    "name()": "string",
    "symbol()": "string",
    "decimals()": "uint8",
    "totalSupply()": "uint256",
    "balanceOf(address)": "uint256",
    "transfer(address,uint256)": "bool",
    "transferFrom(address,address,uint256)": "bool",
    "approve(address,uint256)": "bool",
    "allowance(address,address)": "uint256",
    "setMinter(address)": "bool",
    "mint(address,uint256)": "bool",
    "burn(uint256)": "bool",
}
TOKEN_EVENTS = {
    "Transfer(address indexed from, address indexed to, uint256 value)",
    "Approval(address indexed owner, address indexed spender, uint256 value)",
}


@pytest.mark.parametrize(
    ("contract", "calls", "events"),
    [("EmethCore", CORE_CALLS, CORE_EVENTS), ("EmethToken", TOKEN_CALLS, TOKEN_EVENTS)],
)
def test_the_interface_is_the_networks(contract: str, calls: dict[str, str], events: set[str]) -> None:
    assert calls.items() <= calls_of(contract).items()
    assert events <= events_of(contract)


def test_the_deployed_rates_are_the_networks(network: Network) -> None:
    core = network.core.functions
    assert core.emtToken().call() == network.token.address
    assert core.verifier().call() == network.address("verifier")
    assert core.owner().call() == network.address("owner")
    assert core.VERIFIER_FEE().call() == 10 * 10**18
    assert core.DEPOSIT_RATE().call() == 100_000
    penalties = (core.TIMEOUT_PENALTY_RATE, core.DECLINE_PENALTY_RATE, core.FAILED_PENALTY_RATE)
    assert [rate().call() for rate in penalties] == [25_000] * 3
    assert core.MAX_SLOT_GAS_PER_NODE().call() >= 2**128


@pytest.mark.parametrize("rate", ["timeout_penalty_rate", "decline_penalty_rate", "failed_penalty_rate"])
def test_a_penalty_is_no_more_than_the_deposit(network: Network, rate: str) -> None:
    everything = replace(ROUND_3_2_RATES, **{rate: 100_000})
    assert deployment_refusal(network, everything) is None
    more = replace(ROUND_3_2_RATES, **{rate: 100_001})
    assert deployment_refusal(network, more) == "EmethCore: penalty rate over 100 %"


def test_token_and_verifier_must_be_there(network: Network) -> None:
    nobody, person = "0x" + "00" * 20, network.address("node")
    no_code = "EmethCore: token has no code"
    assert deployment_refusal(network, ROUND_3_2_RATES, token=person) == no_code
    zero = "EmethCore: zero address"
    assert deployment_refusal(network, ROUND_3_2_RATES, verifier=nobody) == zero


def test_a_reward_that_would_overflow_is_refused(network: Network) -> None:
    arguments = network.token.address, network.address("verifier")
    call = network.w3.eth.contract(abi=abi("EmethCore"), bytecode=bytecode("EmethCore")).constructor(
        *arguments, core_params(ROUND_3_2_RATES, 2**200 + 1)
    )
    with pytest.raises(ContractLogicError, match="EmethCore: reward too high"):
        call.estimate_gas({"from": network.address("owner")})


def deployment_refusal(network: Network, rates: Rates, **changes: str) -> str | None:
    """Try a deployment; returns why it is refused, None where it is not."""
    given = {"token": network.token.address, "verifier": network.address("verifier"), **changes}
    factory = network.w3.eth.contract(abi=abi("EmethCore"), bytecode=bytecode("EmethCore"))
    call = factory.constructor(given["token"], given["verifier"], core_params(rates))
    try:
        call.estimate_gas({"from": network.address("owner")})
    except ContractLogicError as error:
        return (error.message or "").removeprefix("execution reverted: ")
    return None


def calls_of(contract: str) -> dict[str, str]:
    return {
        f"{entry['name']}({','.join(field['type'] for field in entry['inputs'])})": _named(entry["outputs"])
        for entry in abi(contract)
        if entry["type"] == "function"
    }


def events_of(contract: str) -> set[str]:
    return {
        f"{entry['name']}({', '.join(_event_field(field) for field in entry['inputs'])})"
        for entry in abi(contract)
        if entry["type"] == "event"
    }


def _named(fields: list[dict[str, Any]]) -> str:
    return ", ".join(f"{field['type']} {field['name']}".strip() for field in fields)


def _event_field(field: dict[str, Any]) -> str:
    return f"{field['type']}{' indexed' if field['indexed'] else ''} {field['name']}"
