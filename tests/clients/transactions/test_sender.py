"""TransactionSender on a real EVM: what it sends, what it costs, and what it never sends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.transactions.signed_bytes import SignedCall, read_signed
from emeth_tui.errors import InsufficientFunds, Reverted, TransactionError
from emeth_tui.model import JobId, TransactionState, token_to_wei
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.store.database import Store
from tests.clients.emeth_chain import DEPLOYER, FEE_WEI, NODE, NODE_EMT_WEI, RIVAL, EmethChain

UNKNOWN_JOB = JobId("0x" + "ab" * 16)


@pytest.fixture
def sender(chain: ChainClient, network: EmethChain, store: Store) -> TransactionSender:
    return TransactionSender(chain, network.wallet, store.journal, first_poll_s=0.01)


def sent(network: EmethChain) -> list[SignedCall]:
    """Read back what was broadcast."""
    return [read_signed(bytes.fromhex(raw[2:])) for raw in network.app.params_of("eth_sendRawTransaction")]


def states(store: Store) -> list[tuple[str, TransactionState]]:
    return [(tx.purpose, tx.state) for tx in reversed(store.journal.recent(100))]


@pytest.mark.slow
async def test_a_claim_approves_exactly_the_deposit(
    sender: TransactionSender, chain: ChainClient, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()

    receipt = await sender.process(job_id, FEE_WEI)

    job = (await chain.jobs([job_id]))[job_id]
    assert (job.status, job.node, job.deposit_wei) == (JobStatus.PROCESSING, NODE.address, FEE_WEI)
    balances = await chain.balances(NODE.address)
    assert (balances.emt_wei, balances.allowance_wei) == (NODE_EMT_WEI - FEE_WEI, 0)
    approve, process = store.journal.of_job(job_id)
    assert (approve.purpose, process.purpose) == ("approve", "process")
    assert (process.tx_hash, process.gas_used, process.fee_wei) == (
        receipt.tx_hash,
        receipt.gas_used,
        receipt.fee_wei,
    )
    assert {approve.state, process.state} == {TransactionState.MINED}
    honest = network.ask("eth_getTransactionReceipt", receipt.tx_hash)
    assert receipt.block_number == int(honest["blockNumber"], 16)
    assert receipt.gas_used == int(honest["gasUsed"], 16)
    assert receipt.fee_wei == receipt.gas_used * int(honest["effectiveGasPrice"], 16)


async def test_an_allowance_that_suffices_is_used(
    sender: TransactionSender, chain: ChainClient, network: EmethChain, store: Store
) -> None:
    network.succeed(NODE, network.token("approve", network.network.core_address, FEE_WEI + 5))
    await sender.process(network.request_job(), FEE_WEI)
    assert states(store) == [("process", TransactionState.MINED)]
    assert (await chain.balances(NODE.address)).allowance_wei == 5


@pytest.mark.slow
async def test_two_claims_never_spend_one_allowance(
    sender: TransactionSender, chain: ChainClient, network: EmethChain, store: Store
) -> None:
    jobs = [network.request_job(fee_wei=fee) for fee in (FEE_WEI, 2 * FEE_WEI)]

    await asyncio.gather(sender.process(jobs[0], FEE_WEI), sender.process(jobs[1], 2 * FEE_WEI))

    assert {job.node for job in (await chain.jobs(jobs)).values()} == {NODE.address}
    assert (await chain.balances(NODE.address)).allowance_wei == 0
    assert [purpose for purpose, _ in states(store)] == ["approve", "process", "approve", "process"]


async def test_a_job_taken_by_another_costs_nothing(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    network.take(RIVAL, job_id)
    with pytest.raises(Reverted, match=f"process: it is PROCESSING already, of node {RIVAL.address}"):
        await sender.process(job_id, FEE_WEI)
    with pytest.raises(Reverted, match="does not know this job"):
        await sender.process(UNKNOWN_JOB, FEE_WEI)
    assert states(store) == []


async def test_too_little_emt_is_told_in_amounts(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    network.succeed(NODE, network.token("transfer", DEPLOYER.address, NODE_EMT_WEI - token_to_wei(5)))
    with pytest.raises(
        InsufficientFunds, match=rf"its deposit is 20\.00 EMT and {NODE.address} holds 5\.00 EMT"
    ):
        await sender.process(job_id, FEE_WEI)
    assert states(store) == []


async def test_too_little_native_token_is_told_in_amounts(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    network.app.hooks["eth_getBalance"] = lambda _: {"result": hex(7 * 10**12)}
    with pytest.raises(
        InsufficientFunds, match=r"approve: its gas may cost 0\.\d+ ALT and .* holds 0\.000007 ALT"
    ):
        await sender.process(job_id, FEE_WEI)
    assert states(store) == []


async def test_a_doomed_call_is_never_sent(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    network.take(RIVAL, job_id)
    with pytest.raises(Reverted, match="submit: the contract refuses it") as caught:
        await sender.submit(job_id, "r.pt")
    assert caught.value.reason.said == "EmethCore: caller is not the assigned node"
    assert states(store) == []
    assert sent(network) == []


@pytest.mark.slow
async def test_a_contract_that_answers_false_refuses(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = await claimed(sender, network)
    network.app.hooks["eth_call"] = lambda _: {"result": "0x" + "00" * 32}
    with pytest.raises(Reverted, match="it returned false"):
        await sender.submit(job_id, "r.pt")
    assert len(sent(network)) == 2


@pytest.mark.parametrize(
    "hostile",
    ["0x08c379a0", "0x08c379a0" + "ff" * 64, "0x4e487b71" + "00" * 31 + "11", "0x12345678", "0x"],
    ids=["no text", "bad text", "panic", "custom", "nothing"],
)
async def test_any_revert_data_is_a_reverted(
    sender: TransactionSender, network: EmethChain, hostile: str
) -> None:
    error = {"code": 3, "message": "execution reverted", "data": hostile}
    network.app.hooks["eth_call"] = lambda _: {"error": error}
    with pytest.raises(Reverted) as caught:
        await sender.submit(UNKNOWN_JOB, "r.pt")
    assert getattr(caught.value.reason, "said", "") == ("panic 0x11" if "4e487b71" in hostile else "")


async def test_a_call_reverted_in_its_block_is_told_with_the_reason(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    for person in (NODE, RIVAL):
        network.succeed(person, network.token("approve", network.network.core_address, FEE_WEI))
    network.ask("evm_setAutomine", False)
    claim = asyncio.create_task(sender.process(job_id, FEE_WEI))
    await network.app.answered("eth_sendRawTransaction")
    network.send(RIVAL, network.core("process", job_id_bytes(job_id)), gas_price_wei=10**12)
    network.ask("evm_mine")

    with pytest.raises(Reverted) as caught:
        await claim

    assert caught.value.reason.said == "EmethCore: job is not requested"
    ((_, state),) = states(store)
    (tx,) = store.journal.of_job(job_id)
    assert state is TransactionState.REVERTED
    assert tx.fee_wei
    assert tx.gas_used


@pytest.mark.slow
async def test_submit_decline_and_withdraw(
    sender: TransactionSender, chain: ChainClient, network: EmethChain, store: Store
) -> None:
    delivered, given_back = await claimed(sender, network), await claimed(sender, network)
    today = await chain.current_slot()

    await sender.submit(delivered, "name-in-storage.pt")
    network.verify(delivered, gas=3)
    await sender.decline(given_back)
    network.next_day()
    await sender.withdraw(today)

    jobs = await chain.jobs([delivered, given_back])
    assert jobs[delivered].result == "name-in-storage.pt"
    assert jobs[given_back].status is JobStatus.DECLINED
    earned_wei = FEE_WEI - token_to_wei(10) - FEE_WEI // 4 + token_to_wei(288_000)
    assert (await chain.balances(NODE.address)).emt_wei == NODE_EMT_WEI + earned_wei
    assert [purpose for purpose, _ in states(store)][-3:] == ["submit", "decline", "withdraw"]
    with pytest.raises(Reverted, match="withdraw: the contract refuses it: EmethCore: nothing to"):
        await sender.withdraw(today)


@pytest.mark.slow
async def test_two_claims_of_one_fee_each_get_an_approval_on_a_chain_of_slow_blocks(
    chain: ChainClient, network: EmethChain, store: Store
) -> None:
    sender = TransactionSender(chain, network.wallet, store.journal, confirmations=9, first_poll_s=0.01)
    jobs = [network.request_job(), network.request_job()]

    # The first approval is spent long before it is final.
    await asyncio.gather(*(sender.process(job_id, FEE_WEI) for job_id in jobs))

    records = await chain.jobs(jobs)
    assert [records[job_id].node for job_id in jobs] == [NODE.address, NODE.address]
    assert [purpose for purpose, _ in states(store)] == ["approve", "process", "approve", "process"]


async def test_a_claim_given_up_is_cancelled_or_taken_after_all(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    network.succeed(NODE, network.token("approve", network.network.core_address, FEE_WEI))
    network.ask("evm_setAutomine", False)
    claim = asyncio.create_task(sender.process(job_id, FEE_WEI))
    await network.app.answered("eth_sendRawTransaction")
    claim.cancel()
    await asyncio.wait([claim])

    await sender.cancel_claim(job_id)
    await sender.cancel_claim(job_id)  # again changes nothing

    process, cancel = sent(network)
    assert (cancel.nonce, cancel.data) == (process.nonce, b"")
    assert sender.may_claim(job_id)
    network.ask("evm_mine")
    await sender.tend(lambda _: True)
    assert not sender.may_claim(job_id)
    assert [state for _, state in states(store)] == [TransactionState.REPLACED, TransactionState.MINED]


@pytest.mark.slow
async def test_transactions_at_the_same_time_get_nonces_of_their_own(
    sender: TransactionSender, chain: ChainClient, network: EmethChain
) -> None:
    jobs = [await claimed(sender, network) for _ in range(3)]
    network.ask("evm_setAutomine", False)
    submits = [asyncio.create_task(sender.submit(job_id, "r.pt")) for job_id in jobs]
    await network.app.answered("eth_sendRawTransaction", 6 + 3)
    network.ask("evm_mine")
    await asyncio.gather(*submits)
    assert [call.nonce for call in sent(network)] == list(range(9))
    assert {job.status for job in (await chain.jobs(jobs)).values()} == {JobStatus.SUBMITTED}


async def test_pricing_follows_the_chain(sender: TransactionSender, network: EmethChain) -> None:
    job_id = await claimed(sender, network)
    assert all(call.price.tip_wei is not None for call in sent(network))

    def without_base_fee(call: dict[str, Any]) -> dict[str, Any]:
        block = network.ask("eth_getBlockByNumber", *call["params"])
        del block["baseFeePerGas"]
        return {"result": {**block, "extraData": "0x" + "ab" * 97}}  # as proof-of-authority chains have it

    network.app.hooks["eth_getBlockByNumber"] = without_base_fee
    network.app.hooks["eth_gasPrice"] = lambda _: {"result": hex(7 * 10**9)}
    await sender.submit(job_id, "r.pt")
    assert sent(network)[-1].price == GasPrice(7 * 10**9, None)


async def test_an_endpoint_without_a_tip_gets_the_default_tip(
    sender: TransactionSender, network: EmethChain
) -> None:
    network.app.hooks["eth_maxPriorityFeePerGas"] = lambda _: {
        "error": {"code": -32601, "message": "unknown"}
    }
    await claimed(sender, network)
    assert {call.price.tip_wei for call in sent(network)} == {10**9}


async def test_an_absurd_gas_price_is_not_paid(
    sender: TransactionSender, network: EmethChain, store: Store
) -> None:
    job_id = network.request_job()
    network.app.hooks["eth_maxPriorityFeePerGas"] = lambda _: {"result": hex(10**13)}
    with pytest.raises(TransactionError, match=r"gas costs 10,00\d\.\d gwei, more than the limit of 1,000"):
        await sender.process(job_id, FEE_WEI)
    assert states(store) == []


async def claimed(sender: TransactionSender, network: EmethChain) -> JobId:
    job_id = network.request_job()
    await sender.process(job_id, FEE_WEI)
    return job_id
