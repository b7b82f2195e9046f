"""TransactionSender when things break: crashes, lost broadcasts, stuck blocks, reorganisations."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.clients.transactions import outbox
from emeth_tui.clients.transactions.fee_limits import FeeLimits
from emeth_tui.clients.transactions.gas_price import market_price
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.transactions.signed_bytes import SignedCall, read_signed
from emeth_tui.devnet.chain.errors import RpcError
from emeth_tui.errors import InsufficientFunds, ReceiptTimeout, TransactionError
from emeth_tui.model import JobId, JournaledTransaction, TransactionState
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.store.database import Store
from tests.clients.emeth_chain import NODE, RIVAL, CutConnection, EmethChain, refusal

pytestmark = pytest.mark.slow

MINED, SIGNED, REPLACED = TransactionState.MINED, TransactionState.SIGNED, TransactionState.REPLACED


class Node:
    """One node's life: a new one on the same store is the node after a restart."""

    def __init__(self, chain: ChainClient, network: EmethChain, store: Store, **options: Any) -> None:
        self.sender = TransactionSender(
            chain,
            network.wallet,
            store.journal,
            **{"first_poll_s": 0.01, "receipt_timeout_s": 120.0, **options},
        )


@pytest.fixture
def job_id(network: EmethChain) -> JobId:
    """A job of the node's: what follows is its submit."""
    job_id = network.request_job()
    network.take(NODE, job_id)
    return job_id


@pytest.fixture
def node(chain: ChainClient, network: EmethChain, store: Store) -> Node:
    return Node(chain, network, store)


def sent(network: EmethChain) -> list[str]:
    return network.app.params_of("eth_sendRawTransaction")


def signed(network: EmethChain) -> list[SignedCall]:
    return [read_signed(bytes.fromhex(raw[2:])) for raw in sent(network)]


def states(store: Store) -> list[TransactionState]:
    return [tx.state for tx in reversed(store.journal.recent(100))]


def is_submitted(network: EmethChain, job_id: JobId) -> bool:
    record = network.ask("eth_call", network.core("jobs", job_id_bytes(job_id)).transaction(None), "latest")
    return int(record[2 + 5 * 64 : 2 + 6 * 64], 16) == JobStatus.SUBMITTED


async def interrupted(task: asyncio.Task[Any]) -> None:
    """End a task as a crash would."""
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


# ---- crashes


async def test_bytes_are_in_the_journal_before_they_are_sent(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    journaled: list[list[str]] = []

    def read_journal(_call: dict[str, Any]) -> None:
        other = sqlite3.connect(store.path)  # what another process would find after a crash right now
        journaled.append(["0x" + raw.hex() for (raw,) in other.execute("SELECT raw FROM transactions")])
        other.close()

    network.app.hooks["eth_sendRawTransaction"] = read_journal
    await node.sender.submit(job_id, "r.pt")
    assert journaled == [sent(network)]


async def test_after_a_crash_at_sending_the_same_bytes_go_out(
    node: Node, chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.app.hooks["eth_sendRawTransaction"] = lose
    submit = asyncio.create_task(node.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction")
    await interrupted(submit)
    assert states(store) == [SIGNED]
    assert not is_submitted(network, job_id)

    del network.app.hooks["eth_sendRawTransaction"]
    (settled,) = await Node(chain, network, store).sender.settle_pending()

    assert len(set(sent(network))) == 1
    assert settled.state is MINED
    assert settled == store.journal.of_job(job_id)[0]
    assert is_submitted(network, job_id)


async def test_a_lost_broadcast_is_repeated_without_a_restart(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def lose_first(_call: dict[str, Any]) -> None:
        if len(sent(network)) == 1:
            raise CutConnection

    network.app.hooks["eth_sendRawTransaction"] = lose_first
    await node.sender.submit(job_id, "r.pt")
    assert len(sent(network)) == 2
    assert len(set(sent(network))) == 1
    assert states(store) == [MINED]


async def test_what_was_mined_before_the_crash_is_settled_and_not_sent_again(
    node: Node, chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def mine_and_cut(call: dict[str, Any]) -> None:
        network.ask("eth_sendRawTransaction", *call["params"])
        raise CutConnection

    network.app.hooks["eth_sendRawTransaction"] = mine_and_cut
    network.app.hooks["eth_getTransactionReceipt"] = lose
    submit = asyncio.create_task(node.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_getTransactionReceipt")
    await interrupted(submit)
    network.app.hooks.clear()
    sent_before = len(sent(network))

    (settled,) = await Node(chain, network, store).sender.settle_pending()

    assert (settled.state, len(sent(network))) == (MINED, sent_before)
    assert settled.gas_used


async def test_a_nonce_that_another_program_used_in_between_is_replaced(
    node: Node, chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.app.hooks["eth_sendRawTransaction"] = lose
    submit = asyncio.create_task(node.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction")
    await interrupted(submit)
    network.succeed(NODE, network.token("approve", RIVAL.address, 1))
    network.app.hooks.clear()

    (settled,) = await Node(chain, network, store).sender.settle_pending()

    assert settled.state is REPLACED
    assert store.journal.unsettled() == []
    assert not is_submitted(network, job_id)


async def test_what_is_not_wanted_any_more_loses_its_nonce_and_can_never_be_mined(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.app.hooks["eth_sendRawTransaction"] = lose
    patient = Node(chain, network, store, first_poll_s=60.0)  # it broadcasts once before it is interrupted
    submit = asyncio.create_task(patient.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction")
    await interrupted(submit)
    network.app.hooks.clear()
    asked: list[JournaledTransaction] = []

    def unwanted(tx: JournaledTransaction) -> bool:
        asked.append(tx)
        return False

    restarted = Node(chain, network, store)
    given_up, cancel = await restarted.sender.settle_pending(wanted=unwanted)
    assert (given_up.state, cancel.state, cancel.purpose) == (REPLACED, MINED, "cancel")
    assert given_up.nonce == cancel.nonce
    assert [tx.job_id for tx in asked] == [job_id]
    with pytest.raises(RpcError, match="nonce too low"):
        network.ask("eth_sendRawTransaction", "0x" + given_up.raw.hex())
    assert not is_submitted(network, job_id)

    await restarted.sender.submit(job_id, "r.pt")  # needed after all
    assert is_submitted(network, job_id)
    assert [call.nonce for call in signed(network)][-1] == given_up.nonce + 1


async def test_a_lost_lower_nonce_does_not_hold_up_the_next_call(
    node: Node, chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    other_job = network.request_job()
    network.take(NODE, other_job)
    network.app.hooks["eth_sendRawTransaction"] = lose
    submit = asyncio.create_task(node.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction")
    await interrupted(submit)
    network.app.hooks.clear()

    await node.sender.submit(other_job, "s.pt")

    first, *again, second = signed(network)
    assert again
    assert all(call == first for call in again)
    assert second.nonce == first.nonce + 1
    assert is_submitted(network, job_id)
    assert is_submitted(network, other_job)


# ---- blocks that do not come


async def test_a_stuck_transaction_is_replaced_at_a_higher_price(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    journaled: list[int] = []
    network.app.hooks["eth_sendRawTransaction"] = lambda _: journaled.append(count_rows(store))
    network.ask("evm_setAutomine", False)
    submit = asyncio.create_task(Node(chain, network, store, bump_after_s=0.05).sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction", 2)
    network.ask("evm_mine")
    receipt = await submit

    first, *bumps = signed(network)
    assert bumps
    for before, after in zip([first, *bumps], bumps, strict=False):
        assert (after.nonce, after.target, after.gas) == (before.nonce, before.target, before.gas)
        assert after.price.max_wei * 1000 >= before.price.max_wei * 1125
        assert (after.price.tip_wei or 0) * 1000 >= (before.price.tip_wei or 0) * 1125 > 0
    assert journaled == list(range(1, len(journaled) + 1))  # each was journaled before it was sent
    by_hash = {tx.tx_hash: tx.state for tx in store.journal.of_job(job_id)}
    assert by_hash.pop(receipt.tx_hash) is MINED
    assert set(by_hash.values()) == {REPLACED}
    assert is_submitted(network, job_id)


async def test_no_higher_price_is_paid_for_what_is_not_wanted_any_more(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.ask("evm_setAutomine", False)
    submit = asyncio.create_task(Node(chain, network, store).sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction")
    await interrupted(submit)

    restarted = Node(chain, network, store, bump_after_s=0.0).sender
    await restarted.tend(lambda _tx: False)
    await restarted.tend(lambda _tx: False)
    network.ask("evm_mine")
    await restarted.tend(wanted)

    assert not is_submitted(network, job_id)
    assert [tx.purpose for tx in store.journal.of_job(job_id) if tx.state is MINED] == ["cancel"]


async def test_the_original_may_be_mined_although_its_price_was_raised(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def refuse_bumps(call: dict[str, Any]) -> None:
        if len(sent(network)) > 1:
            raise refusal(call, "replacement transaction underpriced")

    network.ask("evm_setAutomine", False)
    network.app.hooks["eth_sendRawTransaction"] = refuse_bumps
    submit = asyncio.create_task(Node(chain, network, store, bump_after_s=0.05).sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction", 2)
    network.ask("evm_mine")
    receipt = await submit
    original, bump, *_ = store.journal.of_job(job_id)
    assert (receipt.tx_hash, original.state, bump.state) == (original.tx_hash, MINED, REPLACED)


async def test_the_price_stops_at_the_limit(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId, caplog: pytest.LogCaptureFixture
) -> None:
    network.ask("evm_setAutomine", False)
    limit_wei = (await market_price(chain.w3)).max_wei * 120 // 100  # room for one bump
    node = Node(chain, network, store, bump_after_s=0, fee_limits=lambda: FeeLimits(limit_wei))
    submit = asyncio.create_task(node.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_getTransactionReceipt", 6)
    await interrupted(submit)
    assert "its fee is at the limit" in caplog.text
    first, bump = signed(network)
    assert first.price.max_wei < bump.price.max_wei <= limit_wei


async def test_after_a_timeout_asking_again_joins_what_is_under_way(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.ask("evm_setAutomine", False)
    node = Node(chain, network, store, receipt_timeout_s=0.05)
    with pytest.raises(ReceiptTimeout, match=r"submit: .*may still go through"):
        await node.sender.submit(job_id, "r.pt")
    assert states(store) == [SIGNED]

    restarted = Node(chain, network, store)
    again, at_once = (asyncio.create_task(restarted.sender.submit(job_id, "r.pt")) for _ in range(2))
    network.ask("evm_mine")
    assert await again == await at_once
    assert len(sent(network)) == 1
    assert states(store) == [MINED]


async def test_the_same_call_made_twice_at_once_is_sent_once(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    first, second = await asyncio.gather(*(node.sender.submit(job_id, "r.pt") for _ in range(2)))
    assert first == second
    assert (len(sent(network)), states(store)) == (1, [MINED])


async def test_settling_leaves_signed_what_gets_into_no_block(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.ask("evm_setAutomine", False)
    with pytest.raises(ReceiptTimeout):
        await Node(chain, network, store, receipt_timeout_s=0.05).sender.submit(job_id, "r.pt")
    other_job = JobId("0x" + "cd" * 16)
    restarted = Node(chain, network, store, receipt_timeout_s=0.05)
    assert await restarted.sender.settle_pending(other_job) == []
    (settled,) = await restarted.sender.settle_pending(job_id)
    assert settled.state is SIGNED
    assert store.journal.unsettled() == [settled]


# ---- confirmations and reorganisations


async def test_a_transaction_is_final_with_its_confirmations(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    sender = Node(chain, network, store, confirmations=3).sender
    receipt = await sender.submit(job_id, "r.pt")
    assert is_submitted(network, job_id)
    for _block in range(2):
        await sender.tend(wanted)
        assert states(store) == [SIGNED]
        network.ask("evm_mine")
    await sender.tend(wanted)
    assert states(store) == [MINED]
    assert (await chain.head()).number == receipt.block_number + 2


@pytest.mark.parametrize("confirmations", [1, 4], ids=["which was final", "which was not final"])
async def test_what_a_reorganisation_undoes_is_sent_again_with_its_own_bytes(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId, confirmations: int
) -> None:
    other_job = network.request_job()
    network.take(NODE, other_job)
    before = network.ask("evm_snapshot")
    sender = Node(chain, network, store, confirmations=confirmations).sender
    await sender.submit(job_id, "r.pt")
    await sender.submit(other_job, "s.pt")
    await sender.tend(wanted)
    once = sent(network)

    network.ask("evm_revert", before)
    assert not is_submitted(network, job_id)
    await until(lambda: is_submitted(network, other_job), sender)

    assert is_submitted(network, job_id)
    assert set(sent(network)) == set(once)
    for _block in range(confirmations):
        network.ask("evm_mine")
    await sender.tend(wanted)
    assert states(store) == [MINED, MINED]


async def test_what_a_reorganisation_undoes_is_sent_again_after_a_restart(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    before = network.ask("evm_snapshot")
    await Node(chain, network, store).sender.submit(job_id, "r.pt")
    assert states(store) == [MINED]
    network.ask("evm_revert", before)

    await until(lambda: is_submitted(network, job_id), Node(chain, network, store).sender)

    assert len(set(sent(network))) == 1


async def test_the_next_call_after_a_reorganisation_does_not_reuse_a_nonce(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    other_job = network.request_job()
    network.take(NODE, other_job)
    before = network.ask("evm_snapshot")
    sender = Node(chain, network, store).sender
    await sender.submit(job_id, "r.pt")
    network.ask("evm_revert", before)

    submit = asyncio.create_task(sender.submit(other_job, "s.pt"))
    await until(lambda: is_submitted(network, other_job), sender)
    await submit

    first, *_, last = signed(network)
    assert last.nonce == first.nonce + 1
    assert is_submitted(network, job_id)


async def test_a_nonce_that_nobody_used_is_used_up_so_that_those_behind_it_go_through(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.app.hooks["eth_getTransactionCount"] = lambda call: {
        "result": hex(int(network.ask("eth_getTransactionCount", *call["params"]), 16) + 2)
    }
    lost = Node(chain, network, store, receipt_timeout_s=0.0)
    with pytest.raises(ReceiptTimeout):
        await lost.sender.submit(job_id, "r.pt")  # two nonces too high
    network.app.hooks.clear()
    (waiting,) = store.journal.unsettled()

    sender = Node(chain, network, store).sender
    await until(lambda: is_submitted(network, job_id), sender)

    await sender.tend(wanted)
    in_order = sorted(store.journal.recent(9), key=lambda tx: tx.nonce)
    assert [tx.purpose for tx in in_order] == ["cancel", "cancel", "submit"]
    assert in_order[-1].raw == waiting.raw


@pytest.mark.parametrize("count", ["latest", "pending"])
async def test_one_absurd_count_of_transactions_misleads_neither_the_next_call_nor_a_look(
    node: Node, network: EmethChain, store: Store, job_id: JobId, count: str
) -> None:
    lies: list[int] = []
    network.app.hooks["eth_getTransactionCount"] = lambda call: (
        {"result": hex(lies.pop())} if lies and call["params"][1] == count else None
    )
    next_nonce = await node.sender.tend(wanted)

    lies.append(10**6)
    await node.sender.submit(job_id, "r.pt")
    lies.append(10**6)
    assert await node.sender.tend(wanted) == next_nonce + 1

    assert [(tx.nonce, tx.purpose) for tx in store.journal.all()] == [(next_nonce, "submit")]
    assert is_submitted(network, job_id)


async def test_a_pool_that_always_says_an_absurd_count_is_not_believed(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    next_nonce = await node.sender.tend(wanted)
    network.app.hooks["eth_getTransactionCount"] = lambda call: (
        {"result": hex(10**6)} if call["params"][1] == "pending" else None
    )
    await node.sender.submit(job_id, "r.pt")
    await node.sender.tend(wanted)

    assert [(tx.nonce, tx.purpose) for tx in store.journal.all()] == [(next_nonce, "submit")]


async def test_a_count_of_more_than_64_bits_is_no_answer(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    lies = [2**64]
    network.app.hooks["eth_getTransactionCount"] = lambda _: {"result": hex(lies.pop())} if lies else None
    with pytest.raises(BadAnswer):
        await node.sender.submit(job_id, "r.pt")
    await node.sender.submit(job_id, "r.pt")

    assert [tx.purpose for tx in store.journal.all()] == ["submit"]
    assert is_submitted(network, job_id)


async def signed_far_ahead(chain: ChainClient, network: EmethChain, store: Store, job_id: JobId) -> None:
    """Have a node that was killed leave a submission with a nonce that an endpoint made up."""
    network.app.hooks["eth_getTransactionCount"] = lambda _: {"result": hex(10**6)}
    lost = Node(chain, network, store, receipt_timeout_s=0.0)
    with pytest.raises(ReceiptTimeout):
        await lost.sender.submit(job_id, "r.pt")
    network.app.hooks.clear()


async def test_a_gap_that_no_reorganisation_leaves_is_not_paid_for(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    await signed_far_ahead(chain, network, store, job_id)

    sender = Node(chain, network, store).sender
    for _look in range(3):
        await sender.tend(wanted)

    assert [tx.purpose for tx in store.journal.all()] == ["submit"]


async def test_what_was_signed_too_far_ahead_is_given_up_and_signed_anew(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    await signed_far_ahead(chain, network, store, job_id)

    sender = Node(chain, network, store, bump_after_s=0.05).sender
    await sender.submit(job_id, "r.pt")

    assert is_submitted(network, job_id)
    far, anew = store.journal.of_job(job_id)
    assert (far.nonce, far.state, anew.state) == (10**6, REPLACED, MINED)
    assert sender.nonces_lost == 0


async def test_an_endpoint_that_is_far_behind_has_nothing_given_up(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_UNEXPLAINED", 0)
    sender = Node(chain, network, store, bump_after_s=0.0).sender
    await sender.submit(job_id, "r.pt")
    booked = store.journal.all()
    for method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
        network.app.hooks[method] = lambda _: {"result": None}
    network.app.hooks["eth_getTransactionCount"] = lambda _: {"result": "0x0"}
    for _look in range(3):
        await sender.tend(wanted)
    assert SIGNED in states(store)
    network.app.hooks.clear()

    await sender.tend(wanted)

    assert [tx for tx in store.journal.all() if tx.purpose == "submit"] == booked


async def test_what_another_program_has_in_the_pool_keeps_its_nonces(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    next_nonce = await node.sender.tend(wanted)
    network.ask("evm_setAutomine", False)
    for amount in (1, 2):
        network.send(NODE, network.token("approve", RIVAL.address, amount))
    submit = asyncio.create_task(node.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction")
    network.ask("evm_mine")
    await submit

    assert [tx.nonce for tx in store.journal.all()] == [next_nonce + 2]
    assert is_submitted(network, job_id)


async def test_a_nonce_that_another_program_used_is_counted(
    chain: ChainClient, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.app.hooks["eth_sendRawTransaction"] = lose
    node = Node(chain, network, store, receipt_timeout_s=0.0)
    with pytest.raises(ReceiptTimeout):
        await node.sender.submit(job_id, "r.pt")
    network.succeed(NODE, network.token("approve", RIVAL.address, 1))
    network.app.hooks.clear()

    await until(lambda: store.journal.unsettled() == [], node.sender)

    assert node.sender.nonces_lost == 1
    assert states(store) == [REPLACED]


async def test_a_receipt_that_is_late_is_no_sign_of_another_program(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def hide_for_a_while(_call: dict[str, Any]) -> dict[str, Any] | None:
        return {"result": None} if len(network.app.params_of("eth_getTransactionReceipt")) < 9 else None

    network.app.hooks["eth_getTransactionReceipt"] = hide_for_a_while
    await node.sender.submit(job_id, "r.pt")

    assert node.sender.nonces_lost == 0
    assert (len(sent(network)), states(store)) == (1, [MINED])


def wanted(_tx: JournaledTransaction) -> bool:
    return True


async def until(is_true: Callable[[], bool], sender: TransactionSender) -> None:
    """Let a sender look after its transactions, as often as a node does, until something is true."""
    while not is_true():
        await sender.tend(wanted)
        await asyncio.sleep(0.01)


# ---- what endpoints answer to a broadcast


@pytest.mark.parametrize("said", ["already known", "something odd", "insufficient funds", "nonce too low"])
async def test_the_chain_counts_and_not_what_its_endpoint_says(
    node: Node, network: EmethChain, store: Store, job_id: JobId, said: str
) -> None:
    network.app.hooks["eth_sendRawTransaction"] = lambda _: {"error": {"code": -32000, "message": said}}
    await node.sender.submit(job_id, "r.pt")  # the chain took it all the same
    assert (len(sent(network)), states(store)) == (1, [MINED])


async def test_another_transactions_receipt_is_not_taken_for_ours(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def lie_first(call: dict[str, Any]) -> dict[str, Any] | None:
        honest = network.ask("eth_getTransactionReceipt", *call["params"])
        lie = {**honest, "transactionHash": "0x" + "11" * 32, "status": "0x0"}
        return {"result": lie} if len(network.app.params_of("eth_getTransactionReceipt")) < 3 else None

    network.app.hooks["eth_getTransactionReceipt"] = lie_first
    await node.sender.submit(job_id, "r.pt")
    assert states(store) == [MINED]


@pytest.mark.parametrize("lie", [{"gasUsed": hex(10**15)}, {"effectiveGasPrice": hex(2**100)}])
async def test_a_receipt_of_more_than_was_signed_is_not_believed(
    node: Node, network: EmethChain, store: Store, job_id: JobId, lie: dict[str, str]
) -> None:
    def lie_first(call: dict[str, Any]) -> dict[str, Any] | None:
        honest = network.ask("eth_getTransactionReceipt", *call["params"])
        return (
            {"result": honest | lie} if len(network.app.params_of("eth_getTransactionReceipt")) < 3 else None
        )

    network.app.hooks["eth_getTransactionReceipt"] = lie_first
    await node.sender.submit(job_id, "r.pt")

    (mined,) = store.journal.all()
    receipt = network.ask("eth_getTransactionReceipt", mined.tx_hash)
    assert mined.fee_wei == int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)


async def test_an_endpoint_that_lags_does_not_make_a_nonce_be_used_twice(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    other_job = network.request_job()
    network.take(NODE, other_job)
    await node.sender.submit(job_id, "r.pt")
    (first,) = signed(network)
    network.app.hooks["eth_getTransactionCount"] = lambda call: (
        {"result": hex(first.nonce)} if call["params"][1] == "pending" else None
    )
    await node.sender.submit(other_job, "s.pt")
    assert [call.nonce for call in signed(network)] == [first.nonce, first.nonce + 1]
    assert states(store) == [MINED, MINED]


async def test_a_nonce_lost_to_another_program_is_followed_by_the_next_one(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def take_nonce(_call: dict[str, Any]) -> None:
        if len(sent(network)) == 1:
            network.succeed(NODE, network.token("approve", RIVAL.address, 1))

    network.app.hooks["eth_sendRawTransaction"] = take_nonce
    await node.sender.submit(job_id, "r.pt")
    first, second = signed(network)
    assert (second.nonce, second.target) == (first.nonce + 1, first.target)
    assert states(store) == [REPLACED, MINED]


async def test_an_account_used_by_others_all_the_time_is_given_up(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    network.app.hooks["eth_sendRawTransaction"] = lambda _: network.succeed(
        NODE, network.token("approve", RIVAL.address, 1)
    )
    with pytest.raises(TransactionError, match="give this node an account of its own"):
        await node.sender.submit(job_id, "r.pt")
    assert states(store) == [REPLACED] * 3


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("transaction type not supported", TransactionError),
        ("insufficient funds for gas * price + value", InsufficientFunds),
    ],
)
async def test_a_refused_transaction_frees_its_nonce(
    node: Node, network: EmethChain, store: Store, job_id: JobId, said: str, error: type[TransactionError]
) -> None:
    def refuse(call: dict[str, Any]) -> None:
        raise refusal(call, said)

    network.app.hooks["eth_sendRawTransaction"] = refuse
    with pytest.raises(error, match=f"submit: .*{said[:20]}"):
        await node.sender.submit(job_id, "r.pt")
    assert states(store) == [REPLACED]
    network.app.hooks.clear()
    await node.sender.submit(job_id, "r.pt")
    first, second = signed(network)
    assert first.nonce == second.nonce
    assert is_submitted(network, job_id)


async def test_an_endpoint_that_is_gone_for_a_while_is_waited_for(
    node: Node, network: EmethChain, store: Store, job_id: JobId
) -> None:
    def fail_seven_times(_call: dict[str, Any]) -> None:
        if len(network.app.params_of("eth_getTransactionReceipt")) <= 7:
            raise CutConnection

    network.app.hooks["eth_getTransactionReceipt"] = fail_seven_times
    await node.sender.submit(job_id, "r.pt")
    assert (len(sent(network)), states(store)) == (1, [MINED])


def lose(_call: dict[str, Any]) -> None:
    raise CutConnection


def count_rows(store: Store, state: str = "%") -> int:
    other = sqlite3.connect(store.path)
    ((rows,),) = other.execute("SELECT count(*) FROM transactions WHERE state LIKE ?", (state,))
    other.close()
    return int(rows)
