"""Transactions under way, by nonce, in step with a real journal."""

from __future__ import annotations

import pytest

from emeth_tui.clients.chain.contracts import Call
from emeth_tui.clients.transactions.broadcast import Receipt
from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.clients.transactions.pending import PendingTransactions
from emeth_tui.clients.wallet import Wallet
from emeth_tui.model import JournaledTransaction, TransactionState
from emeth_tui.store.database import Store
from tests.factories import JOB_ID, OTHER_JOB_ID, make_transaction


def transaction(number: int, nonce: int, **changes: object) -> JournaledTransaction:
    return make_transaction(tx_hash=f"0x{number:064x}", nonce=nonce, raw=bytes([number]), **changes)


@pytest.fixture
def pending(store: Store) -> PendingTransactions:
    return PendingTransactions(store.journal)


def states(store: Store) -> dict[int, TransactionState]:
    return {int(tx.tx_hash, 16): tx.state for tx in store.journal.recent(100)}


@pytest.mark.parametrize(
    ("first", "taken", "free"),
    [(5, [], 5), (5, [5], 6), (5, [4, 6], 5), (5, [5, 6, 8], 7), (5, [7, 5, 6], 8), (9, [5], 9)],
)
def test_a_free_nonce_is_the_lowest_that_no_open_transaction_holds(
    pending: PendingTransactions, first: int, taken: list[int], free: int
) -> None:
    for number, nonce in enumerate(taken, 1):
        pending.add(transaction(number, nonce))

    assert pending.free_nonce(first) == free


def test_a_settled_transaction_no_longer_holds_its_nonce(pending: PendingTransactions) -> None:
    one = pending.add(transaction(1, 5))
    pending.settle(one, None)

    assert pending.free_nonce(5) == 5
    assert one.has_ended


def test_what_the_journal_holds_is_taken_up(store: Store) -> None:
    for number, nonce in ((1, 6), (2, 5), (3, 5)):
        store.journal.add(transaction(number, nonce))

    first, second = PendingTransactions(store.journal).open()

    assert (first.nonce, second.nonce) == (5, 6)
    assert len(first.hashes) == 2
    assert PendingTransactions(store.journal).free_nonce(5) == 7


def test_transactions_are_listed_by_job(pending: PendingTransactions) -> None:
    pending.add(transaction(1, 5))
    pending.add(transaction(2, 6, job_id=OTHER_JOB_ID))
    pending.add(transaction(3, 7, job_id=None))

    assert [one.nonce for one in pending.open(JOB_ID)] == [5]
    assert [one.nonce for one in pending.open()] == [5, 6, 7]


def test_a_fee_bump_shares_the_nonce_and_the_receipt_says_which_one_was_mined(
    pending: PendingTransactions, store: Store
) -> None:
    one = pending.add(transaction(1, 5))
    bump = transaction(2, 5)

    assert pending.add(bump) is one
    assert pending.add(bump) is one  # the same bytes a second time change nothing
    assert one.newest is bump
    receipt = Receipt(bump.tx_hash, ok=True, gas_used=21_000, fee_wei=77, block_number=9)
    pending.settle(one, receipt)

    assert pending.open() == []
    assert (one.receipt, one.has_ended) == (receipt, True)
    assert states(store) == {1: TransactionState.REPLACED, 2: TransactionState.MINED}
    kept = next(tx for tx in store.journal.recent(100) if tx.tx_hash == bump.tx_hash)
    assert (kept.gas_used, kept.fee_wei, kept.block_number) == (21_000, 77, 9)
    mined = one.newest
    assert (mined.state, mined.gas_used, mined.fee_wei) == (TransactionState.MINED, 21_000, 77)


def test_a_receipt_of_a_failure_reverts_it(pending: PendingTransactions, store: Store) -> None:
    one = pending.add(transaction(1, 5))

    pending.settle(one, Receipt(one.newest.tx_hash, ok=False, gas_used=1, fee_wei=2, block_number=9))

    assert states(store) == {1: TransactionState.REVERTED}


def test_bytes_that_were_dropped_are_signed_again_when_they_are_wanted(
    pending: PendingTransactions, store: Store
) -> None:
    tx = transaction(1, 5)
    pending.drop(pending.add(tx))
    assert states(store) == {1: TransactionState.REPLACED}
    assert pending.free_nonce(5) == 5

    again = pending.add(tx)

    assert pending.open() == [again]
    assert states(store) == {1: TransactionState.SIGNED}
    pending.settle(again, Receipt(tx.tx_hash, ok=True, gas_used=1, fee_wei=2, block_number=9))
    assert states(store) == {1: TransactionState.MINED}

    pending.reopen(5)

    assert store.journal.recent(100) == [tx]  # of a block that was undone, nothing is left


def test_a_call_under_way_is_found_by_contract_and_data(pending: PendingTransactions) -> None:
    wallet = Wallet(b"\x05" * 32)
    fields = {
        "chainId": 60_001,
        "nonce": 5,
        "to": bytes(range(20)),
        "value": 0,
        "data": b"\x01\x02",
        "gas": 1,
    }
    raw, tx_hash = wallet.sign_transaction({**fields, **GasPrice(7, 3).fields()})
    one = pending.add(make_transaction(tx_hash=tx_hash, nonce=5, raw=raw))
    address = "0x" + bytes(range(20)).hex()

    assert pending.find(call(address, "0x0102")) is one
    assert pending.find(call(address, "0x0103")) is None
    assert pending.find(call("0x" + "11" * 20, "0x0102")) is None


def call(address: str, data: str) -> Call:
    return Call(address, "submit", data)


def test_messages_name_the_job_and_the_purpose(pending: PendingTransactions) -> None:
    assert pending.add(transaction(1, 5)).name == f"job {JOB_ID}: process"
    assert pending.add(transaction(2, 6, job_id=None)).name == "process"
