"""Deployment on real chains: DevChain, and anvil with legacy and with EIP-1559 gas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import AsyncWeb3

from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.transactions.gas_price import market_price
from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, AnvilChain, find_anvil
from emeth_tui.devnet.chain.backends import ChainService, make_chain
from emeth_tui.errors import ServiceError
from emeth_tui.network.checking import check_terms, require_code
from emeth_tui.network.deploy import GAS, TRANSACTIONS, Terms, deploy, deployment_of
from emeth_tui.network.deploying import cost_of, see_through
from emeth_tui.network.record import Beginning, DeploymentRecord
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, abi
from tests.devnet.chain.raw_rpc import ALICE, BOB, CHAIN_ID, GENESIS_ACCOUNTS

EMT = 10**18
TERMS = Terms(BOB.address, 10**6 * EMT)
DEPLOYER = Wallet(ALICE.key)
KINDS = ["py-evm"] + [
    pytest.param(
        kind,
        marks=pytest.mark.skipif(
            find_anvil() is None, reason=f"needs an anvil binary, on the PATH or named by {BINARY_VARIABLE}"
        ),
    )
    for kind in ("anvil", "anvil with legacy gas")
]


@pytest.fixture(params=KINDS)
async def chain(request: pytest.FixtureRequest) -> AsyncIterator[ChainService]:
    made: ChainService
    if request.param == "anvil with legacy gas":
        made = AnvilChain(
            chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS, hardfork="berlin"
        )
    else:
        made = make_chain(request.param, chain_id=CHAIN_ID, state_dir=None, genesis_accounts=GENESIS_ACCOUNTS)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def w3(chain: ChainService) -> AsyncIterator[AsyncWeb3[Any]]:
    async with open_transport() as transport:
        yield AsyncWeb3(ChainProvider(Rpc([chain.rpc_url], transport)), middleware=[])


def record_in(directory: Path, first_nonce: int = 0) -> DeploymentRecord:
    return DeploymentRecord(
        directory / "record.json", Beginning(CHAIN_ID, "0x00", ALICE.address, first_nonce, 0), TERMS
    )


async def transactions_of(w3: AsyncWeb3[Any]) -> int:
    return int(await w3.eth.get_transaction_count(ALICE.address))


async def test_the_contracts_are_what_was_asked_for(w3: AsyncWeb3[Any]) -> None:
    rates = replace(ROUND_3_2_RATES, deposit_rate=50_000, max_slot_gas_per_node=99)
    terms = replace(TERMS, rates=rates, first_slot_reward_wei=1_001 * EMT)

    made = await deploy(w3, DEPLOYER, terms)

    assert made == deployment_of(ALICE.address)
    await check_terms(w3, made, terms)
    core = w3.eth.contract(address=made.core_address, abi=abi("EmethCore")).functions
    token = w3.eth.contract(address=made.token_address, abi=abi("EmethToken")).functions
    assert await core.DEPOSIT_RATE().call() == 50_000
    assert await core.currentSlotReward().call() == 1_001 * EMT
    assert await core.verifier().call() == BOB.address
    assert await token.minter().call() == made.core_address
    assert await token.balanceOf(ALICE.address).call() == TERMS.supply_wei


async def test_a_term_that_is_another_on_the_chain_is_named(w3: AsyncWeb3[Any]) -> None:
    made = await deploy(w3, DEPLOYER, TERMS)
    with pytest.raises(ServiceError, match=r"FIRST_SLOT_REWARD is 288\d{21} on the chain, not 1"):
        await check_terms(w3, made, replace(TERMS, first_slot_reward_wei=1))
    with pytest.raises(ServiceError, match=f"minter is {made.core_address} on the chain, not {BOB.address}"):
        await check_terms(w3, made, replace(TERMS, minter=BOB.address))


async def test_the_minter_can_be_somebody_else(w3: AsyncWeb3[Any]) -> None:
    terms = replace(TERMS, minter=BOB.address)
    await check_terms(w3, await deploy(w3, DEPLOYER, terms), terms)


async def test_it_happens_once_and_costs_no_more_than_announced(w3: AsyncWeb3[Any], tmp_path: Path) -> None:
    record = record_in(tmp_path)
    made = await deploy(w3, DEPLOYER, TERMS, journal=record)
    block = await w3.eth.block_number
    hashes = [HexBytes(keccak(record.kept(nonce)[0])) for nonce in range(TRANSACTIONS)]
    receipts = [await w3.eth.get_transaction_receipt(tx_hash) for tx_hash in hashes]

    assert await deploy(w3, DEPLOYER, TERMS, journal=record) == made
    assert (await w3.eth.block_number, await transactions_of(w3)) == (block, TRANSACTIONS)
    assert GAS * 0.8 < sum(receipt["gasUsed"] for receipt in receipts) < GAS


@pytest.mark.parametrize("arrived", [0, 1, 2])
async def test_one_that_broke_off_goes_on_with_the_bytes_that_were_signed(
    w3: AsyncWeb3[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arrived: int
) -> None:
    sent: list[bytes] = []
    send = w3.eth.send_raw_transaction

    async def break_off(raw: Any) -> Any:
        sent.append(bytes(raw))
        if len(sent) > arrived:
            raise RpcRefusal("the chain", "eth_sendRawTransaction", {"code": -1, "message": "dead line"})
        return await send(raw)

    with monkeypatch.context() as broken:
        broken.setattr(w3.eth, "send_raw_transaction", break_off)
        with pytest.raises(ServiceError, match=r"the contracts could not be deployed: .*dead line"):
            await deploy(w3, DEPLOYER, TERMS, journal=record_in(tmp_path))
    record = DeploymentRecord.read(tmp_path / "record.json")
    assert record is not None
    assert (record.terms, record.kept(arrived)) == (TERMS, [sent[arrived]])

    made = await deploy(w3, DEPLOYER, record.terms, journal=record)

    assert record.kept(arrived) == [sent[arrived]]
    assert await transactions_of(w3) == 3
    await check_terms(w3, made, TERMS)


async def test_one_whose_transaction_waits_does_not_sign_another(
    w3: AsyncWeb3[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after a kill between the broadcast and the block."""
    record = record_in(tmp_path)
    arrived = asyncio.Event()
    send = w3.eth.send_raw_transaction

    async def send_and_stop(raw: Any) -> Any:
        answer = await send(raw)
        arrived.set()
        await asyncio.Event().wait()
        return answer

    with monkeypatch.context() as killed:
        killed.setattr(w3.eth, "send_raw_transaction", send_and_stop)
        deploying = asyncio.create_task(deploy(w3, DEPLOYER, TERMS, journal=record))
        await arrived.wait()
        deploying.cancel()
        await asyncio.wait({deploying})

    again = DeploymentRecord.read(record.path)
    assert again is not None
    await check_terms(w3, await deploy(w3, DEPLOYER, again.terms, journal=again), TERMS)
    assert await transactions_of(w3) == 3


async def test_a_deployer_with_a_past_begins_at_its_next_nonce(w3: AsyncWeb3[Any]) -> None:
    for nonce in range(3):
        raw, _ = DEPLOYER.sign_transaction(
            {"to": BOB.address, "nonce": nonce, "chainId": CHAIN_ID, "gas": 21_000, "gasPrice": 10**10}
        )
        sent = await w3.eth.send_raw_transaction(raw)
        await w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)

    with pytest.raises(ServiceError, match="the deployer was used for other things"):
        await require_code(w3, await deploy(w3, DEPLOYER, TERMS))
    made = await deploy(w3, DEPLOYER, TERMS, first_nonce=3)

    assert made == deployment_of(ALICE.address, 3)
    await check_terms(w3, made, TERMS)


async def test_a_nonce_that_was_used_elsewhere_ends_it_before_more_is_paid(w3: AsyncWeb3[Any]) -> None:
    raw, _ = DEPLOYER.sign_transaction(
        {"to": BOB.address, "nonce": 0, "chainId": CHAIN_ID, "gas": 21_000, "gasPrice": 10**10}
    )
    sent = await w3.eth.send_raw_transaction(raw)
    await w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)

    with pytest.raises(ServiceError, match="the deployer was used for other things"):
        await deploy(w3, DEPLOYER, TERMS)

    assert await transactions_of(w3) == 1


async def test_no_more_is_paid_than_was_shown(w3: AsyncWeb3[Any], tmp_path: Path) -> None:
    record = record_in(tmp_path)
    cost = await cost_of(w3, record, "ETH")

    assert cost.wei == GAS * cost.most_wei
    with pytest.raises(ServiceError, match="gwei"):
        await see_through(w3, DEPLOYER, record, most_wei=cost.most_wei // 4 - 1)
    assert (record.has_begun, await transactions_of(w3)) == (False, 0)


async def test_a_fee_is_raised_up_to_the_limit_and_no_further(
    w3: AsyncWeb3[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def lose(raw: Any) -> HexBytes:
        return HexBytes(keccak(bytes(raw)))

    record, price = record_in(tmp_path), await market_price(w3)
    monkeypatch.setattr(w3.eth, "send_raw_transaction", lose)
    monkeypatch.setattr("emeth_tui.network.deploy.BUMP_AFTER_S", 0.02)
    monkeypatch.setattr("emeth_tui.network.deploy.GIVE_UP_AFTER_S", 1.0)

    with pytest.raises(ServiceError, match="EmethToken"):
        await see_through(w3, DEPLOYER, record, most_wei=price.max_wei * 120 // 100)

    assert len(record.kept(0)) == 2  # a raise is 13 percent


async def test_what_is_signed_is_for_the_chain_where_it_began(w3: AsyncWeb3[Any], tmp_path: Path) -> None:
    """As where a second endpoint answers, which is another chain's."""
    begun = Beginning(CHAIN_ID + 1, "0x00", ALICE.address, 0, 0)

    with pytest.raises(ServiceError):
        await see_through(w3, DEPLOYER, DeploymentRecord(tmp_path / "record.json", begun, TERMS))

    assert await transactions_of(w3) == 0


async def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.keep(0, b"\x01")
    text = record.path.read_text("utf-8")
    for damaged in (text.replace('"01"', '"no hex"'), text.replace("verifier", "vermin"), "{}", "["):
        record.path.write_text(damaged, "utf-8")
        with pytest.raises(ServiceError, match="is damaged"):
            DeploymentRecord.read(record.path)
    assert record.path.stat().st_mode & 0o077 == 0
