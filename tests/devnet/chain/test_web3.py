"""DevChain and anvil as web3 sees them: revert reasons, logs, batches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import ContractLogicError, TransactionNotFound

from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, find_anvil
from emeth_tui.devnet.chain.backends import ChainService, make_chain
from emeth_tui.network.deploy import Deployment, Terms, deploy
from emeth_tui.protocol.contracts import abi
from tests.devnet.chain.raw_rpc import ALICE, BOB, CHAIN_ID, GENESIS_ACCOUNTS

EMT = 10**18
SUPPLY_WEI = 10**6 * EMT
KINDS = [
    "py-evm",
    pytest.param(
        "anvil",
        marks=pytest.mark.skipif(
            find_anvil() is None, reason=f"needs an anvil binary, on the PATH or named by {BINARY_VARIABLE}"
        ),
    ),
]


@pytest.fixture(params=KINDS)
async def chain(request: pytest.FixtureRequest) -> AsyncIterator[ChainService]:
    made = make_chain(request.param, chain_id=CHAIN_ID, state_dir=None, genesis_accounts=GENESIS_ACCOUNTS)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def w3(chain: ChainService) -> AsyncIterator[AsyncWeb3[Any]]:
    made: AsyncWeb3[Any] = AsyncWeb3(AsyncHTTPProvider(chain.rpc_url))
    yield made
    await made.provider.disconnect()


async def deployed(w3: AsyncWeb3[Any]) -> Deployment:
    return await deploy(w3, Wallet(ALICE.key), Terms(BOB.address, SUPPLY_WEI))


async def test_refusals_come_with_the_contracts_reason(w3: AsyncWeb3[Any]) -> None:
    core = w3.eth.contract(address=(await deployed(w3)).core_address, abi=abi("EmethCore"))
    cancel = core.functions.cancel(b"\x07" * 16)
    for refused in (cancel.call({"from": ALICE.address}), cancel.estimate_gas({"from": ALICE.address})):
        with pytest.raises(ContractLogicError) as caught:
            await refused
        assert caught.value.message == "execution reverted: EmethCore: no such job"
        assert str(caught.value.data).startswith("0x08c379a0")


async def test_events_are_found_by_their_fields(w3: AsyncWeb3[Any]) -> None:
    made = await deployed(w3)
    token = w3.eth.contract(address=made.token_address, abi=abi("EmethToken"))
    minted = await token.events.Transfer.get_logs(from_block=0, argument_filters={"to": ALICE.address})
    assert [event["args"]["value"] for event in minted] == [SUPPLY_WEI]
    assert await token.events.Transfer.get_logs(from_block=0, argument_filters={"to": BOB.address}) == []


async def test_calls_go_in_batches(w3: AsyncWeb3[Any]) -> None:
    core = w3.eth.contract(address=(await deployed(w3)).core_address, abi=abi("EmethCore")).functions
    async with w3.batch_requests() as batch:
        for call in (core.VERIFIER_FEE(), core.DEPOSIT_RATE(), core.jobs(bytes(16))):
            batch.add(call)
        fee_wei, rate, job = await batch.async_execute()
    assert (fee_wei, rate, job[0]) == (10 * EMT, 100_000, False)


async def test_what_is_not_there_is_not_found(w3: AsyncWeb3[Any]) -> None:
    for lookup in (w3.eth.get_transaction, w3.eth.get_transaction_receipt):
        with pytest.raises(TransactionNotFound):
            await lookup("0x" + "ab" * 32)


async def test_web3_fills_in_fees_that_are_enough(w3: AsyncWeb3[Any]) -> None:
    made = await deployed(w3)
    token = w3.eth.contract(address=made.token_address, abi=abi("EmethToken"))
    fields = {"from": ALICE.address, "nonce": await w3.eth.get_transaction_count(ALICE.address, "pending")}
    built = await token.functions.transfer(BOB.address, 5).build_transaction(fields)
    assert "maxFeePerGas" in built
    raw = ALICE.sign_transaction(built).raw_transaction
    receipt = await w3.eth.wait_for_transaction_receipt(
        await w3.eth.send_raw_transaction(raw), poll_latency=0.01
    )
    assert receipt["status"] == 1
    assert await token.functions.balanceOf(BOB.address).call() == 5
