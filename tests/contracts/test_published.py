"""The published contracts, which the tests run a node against: what moves differently, to the wei."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError

from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.protocol.contracts import Rates, abi
from tests.contracts.published import PUBLISHED_RATES, published_artifact, published_build
from tests.contracts.world import DAY_S, EMT, INITIAL_SUPPLY_WEI, Network, core_params

FEE_WEI = 30 * EMT


class PublishedNetwork(Network):
    def __init__(self) -> None:
        super().__init__(PUBLISHED_RATES)

    def deploy_core(self, token: Contract, rates: Rates = PUBLISHED_RATES) -> Contract:
        arguments = token.address, self.address("verifier"), core_params(rates)
        return self.deploy("core", *arguments, artifact=published_artifact("PublishedCore"))

    def _deploy_token(self) -> Contract:
        return self.deploy("token", INITIAL_SUPPLY_WEI, artifact=published_artifact("PublishedToken"))


@pytest.fixture(scope="module")
def _published() -> Iterator[PublishedNetwork]:
    network = PublishedNetwork()
    yield network
    network.chain.close()


@pytest.fixture
def network(_published: PublishedNetwork) -> Iterator[PublishedNetwork]:
    with _published.undone():
        yield _published


def names(receipt: Any) -> list[str]:
    """List a receipt's events by name, whichever contract they are of."""
    return [EVENT_NAMES[log["topics"][0].to_0x_hex()] for log in receipt["logs"]]


EVENT_NAMES = {
    event().topic: event.event_name
    for contract in ("PublishedCore", "PublishedToken")
    for event in Web3().eth.contract(abi=published_artifact(contract)["abi"]).events
}


def test_a_verified_job_costs_its_deposit(network: PublishedNetwork) -> None:
    with network.moved_wei() as moved:
        job_id = network.submitted(fee_wei=FEE_WEI)
        network.send("verifier", network.core.functions.verify(job_id, 100))

    assert moved == {"requester": -FEE_WEI, "node": -10 * EMT, "verifier": 10 * EMT, "core": FEE_WEI}
    assert network.core.functions.jobAssigns(job_id).call()[5] == 0  # never verified, by the record


def test_a_rejected_result_costs_all_of_the_deposit(network: PublishedNetwork) -> None:
    with network.moved_wei() as moved:
        job_id = network.submitted(fee_wei=FEE_WEI)
        receipt = network.send("verifier", network.core.functions.rejectResult(job_id))

    assert moved == {"node": -FEE_WEI, "core": FEE_WEI}
    assert names(receipt) == ["Transfer", "Transfer", "Status"]


@pytest.mark.parametrize(("function", "sender"), [("decline", "node"), ("timeout", "verifier")])
def test_a_penalty_stays_in_the_contract(network: PublishedNetwork, function: str, sender: str) -> None:
    with network.moved_wei() as moved:
        job_id = network.processing(fee_wei=FEE_WEI)
        receipt = network.send(sender, network.core.functions[function](job_id))  # before the deadline

    assert moved == {"node": -3 * EMT, "core": 3 * EMT}
    assert names(receipt) == ["Transfer", "Transfer", "Status"]


def test_a_fee_below_the_verifiers_is_taken_and_never_verified(network: PublishedNetwork) -> None:
    job_id = network.submitted(fee_wei=10 * EMT - 1)

    with pytest.raises(ContractLogicError):
        network.answer("verifier", network.core.functions.verify(job_id, 100))

    assert network.attempt("verifier", network.core.functions.verify(job_id, 100))["status"] == 0


def test_a_reward_is_minted_without_an_event(network: PublishedNetwork) -> None:
    job_id = network.submitted(fee_wei=FEE_WEI)
    slot = network.core.functions.currentSlot().call()
    network.send("verifier", network.core.functions.verify(job_id, 100))
    network.now_unix_s += DAY_S

    with network.moved_wei() as moved:
        receipt = network.send("node", network.core.functions.withdrawSlotReward(slot))

    assert moved == {"node": 288_000 * EMT, "supply": 288_000 * EMT}
    assert receipt["logs"] == []


def test_what_the_contract_lacks_is_missing_alone(network: PublishedNetwork) -> None:
    def functions(entries: Any) -> set[str]:
        return {entry["name"] for entry in entries if entry["type"] == "function"}

    ours, published = abi("EmethCore"), published_artifact("PublishedCore")["abi"]
    missing = functions(ours) - functions(published)

    assert missing == {
        "jobAssignedCount",
        "jobAssignedHistory",
        "setVerifier",
        "owner",
        "FIRST_SLOT_REWARD",
    }
    assert functions(published) <= functions(ours)
    rates = [network.core.functions[name]().call() for name in RATE_NAMES]
    assert rates == [100_000, 10_000, 10_000, 100_000]


RATE_NAMES = ("DEPOSIT_RATE", "TIMEOUT_PENALTY_RATE", "DECLINE_PENALTY_RATE", "FAILED_PENALTY_RATE")


@pytest.mark.slow
@pytest.mark.process
async def test_a_devnet_runs_on_them() -> None:
    quiet = {"with_requester": False, "with_verifier": False, "with_rival": False}
    devnet = Devnet(DevnetOptions(build=published_build(), rates=PUBLISHED_RATES, **quiet))
    await devnet.start()
    try:
        assert await devnet.chain.rates() == PUBLISHED_RATES
        missing = devnet.chain.core("jobAssignedCount", devnet.info.operator_address)
        with pytest.raises(RpcRefusal, match="reverted"):
            await devnet.chain.rpc.call("eth_call", {"to": missing.address, "data": missing.data}, "latest")
    finally:
        await devnet.stop()
