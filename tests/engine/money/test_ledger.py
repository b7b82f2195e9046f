"""The ledger reads each final block once, and again what a reorganisation has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.engine.money.ledger import BLOCKS_AT_ONCE, REREAD_BLOCKS
from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import JobId, TransactionState
from emeth_tui.protocol.contracts import JobStatus, SlotShare
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from emeth_tui.store.movements import Movement, MovementKind
from tests.engine.money.scripted import BLOCK_S, EMT, OTHER, US, Books, ScriptedChain
from tests.factories import JOB_ID, OTHER_JOB_ID, make_transaction

K = MovementKind
WITHDRAW_OF_SLOT_7 = bytes.fromhex(  # legacy: nonce 1, price 2, gas 3, to 0x44…, value 0, selector and 7
    "f841010203944444444444444444444444444444444444444444"
    "80a4deadbeef0000000000000000000000000000000000000000000000000000000000000007" + "808080"
)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Store(tmp_path / "state") as store:
        yield Books(store, tmp_path / "jobs", ScriptedChain())


def rows(books: Books) -> list[tuple[str, int, MovementKind, JobId | None, int]]:
    return [
        (row.tx_hash, row.block_number, row.kind, row.job_id, row.amount_wei)
        for row in books.store.movements.after(-1)
    ]


async def start(books: Books, block: int) -> None:
    """Have it begin with what comes after a block."""
    await books.ledger.book_until(block)
    books.chain.reads.clear()


async def dropped(books: Books, final_block: int) -> bool:
    """Have it book; return whether it said that the chain has dropped a block that was final."""
    said: list[bool] = []
    await books.ledger.book_until(final_block, lambda: said.append(True))
    return bool(said)


async def test_it_begins_with_the_block_that_it_first_sees(books: Books) -> None:
    books.chain.claim_and()
    assert books.ledger.block is None
    assert await dropped(books, 50) is False
    assert (books.ledger.block, rows(books), books.chain.reads) == (50, [], [])


async def test_each_block_is_read_once(books: Books) -> None:
    await start(books, 9)
    books.chain.claim_and(JobStatus.VERIFIED, 30 * EMT)
    await books.ledger.book_until(15)
    await books.ledger.book_until(15)
    assert books.chain.reads == [(10, 15)]
    await books.ledger.book_until(20)
    assert books.chain.reads == [(10, 15), (16, 20)]
    assert books.ledger.block == 20
    assert [(kind, amount) for _tx, _block, kind, _job, amount in rows(books)] == [
        (K.CLAIM, 0),
        (K.CLAIM, -20 * EMT),
        (K.VERIFY, 0),
        (K.VERIFY, 30 * EMT),
    ]
    assert {job_id for *_, job_id, _amount in rows(books)} == {JOB_ID}
    assert [row.at_unix_s for row in books.store.movements.of_job(JOB_ID)] == [100.0, 100.0, 200.0, 200.0]


async def test_a_long_absence_is_caught_up_with_in_pieces(books: Books) -> None:
    await start(books, 9)
    last = 9 + BLOCKS_AT_ONCE + 5
    await books.ledger.book_until(last)
    assert books.ledger.block == 9 + BLOCKS_AT_ONCE
    await books.ledger.book_until(last)
    assert books.chain.reads == [(10, 9 + BLOCKS_AT_ONCE), (10 + BLOCKS_AT_ONCE, last)]


async def test_what_a_dropped_block_held_is_forgotten_and_read_again(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    await start(books, 9)
    books.chain.claim_and()
    await books.ledger.book_until(20)
    books.chain.fork = "b"
    books.chain.logs.clear()
    books.chain.moved.clear()

    assert await dropped(books, 25) is True
    assert rows(books) == []
    assert books.chain.reads[-1] == (1, 25)
    assert caplog.messages == ["block 20, which was final, is no longer in the chain"]
    assert await dropped(books, 25) is False


async def test_what_was_dropped_only_for_a_moment_is_booked_again_although_it_could_not_be_read_then(
    books: Books,
) -> None:
    await start(books, 9)
    books.chain.claim_and(JobStatus.VERIFIED, 30 * EMT)
    await books.ledger.book_until(25)
    booked = rows(books)
    books.chain.fork, books.chain.logs_fail = "b", True
    said: list[str] = []
    with pytest.raises(ChainUnreachable):
        await books.ledger.book_until(26, lambda: said.append("dropped"))
    assert said == ["dropped"]

    books.chain.fork, books.chain.logs_fail = "a", False
    await books.ledger.book_until(26)

    assert (rows(books), books.ledger.block) == (booked, 26)


async def test_not_more_is_read_again_than_may_have_changed(books: Books) -> None:
    await start(books, 1_000)
    kept = Movement("0xold", 1, 1_000 - REREAD_BLOCKS, 0.0, K.OTHER, None, 5)
    books.store.movements.add([kept, replace(kept, tx_hash="0xnew", block_number=1_001 - REREAD_BLOCKS)])
    books.chain.fork = "b"
    assert await dropped(books, 1_010) is True
    assert books.chain.reads == [(1_001 - REREAD_BLOCKS, 1_010)]
    assert books.store.movements.after(-1) == [kept]


async def test_an_endpoint_that_is_behind_changes_nothing(books: Books) -> None:
    await start(books, 9)
    books.chain.claim_and(JobStatus.VERIFIED, 30 * EMT)
    await books.ledger.book_until(25)
    booked = rows(books)
    assert len(booked) == 4

    said = [await dropped(books, block) for block in (18, 24, 25)]
    assert (said, rows(books), books.ledger.block) == ([False] * 3, booked, 25)
    await books.ledger.book_until(30)
    assert books.chain.reads == [(10, 25), (26, 30)]


@pytest.mark.parametrize(
    ("later_s", "said"),
    [
        (8 * BLOCK_S, [True, False]),  # block 18 is younger than the one that stood at 25
        (0, [False, True]),  # it might be that one's ancestor: the fork shows when it is as long
    ],
)
async def test_what_stood_above_a_shorter_chain_is_forgotten(
    books: Books, later_s: int, said: list[bool]
) -> None:
    await start(books, 9)
    books.chain.claim_and(JobStatus.VERIFIED, 30 * EMT)
    await books.ledger.book_until(25)
    books.chain.fork, books.chain.later_s = "b", later_s
    books.chain.logs.clear()
    books.chain.moved.clear()
    books.chain.claim_and()
    books.chain.status(22, JobStatus.VERIFIED, tx="0xanew")  # the verifier signs once more
    books.chain.transfer(22, 30 * EMT, tx="0xanew")

    assert [await dropped(books, block) for block in (18, 30)] == said
    assert books.ledger.block == 30
    assert [(tx, amount) for tx, *_, amount in rows(books)] == [
        ("0xclaim", 0),
        ("0xclaim", -20 * EMT),
        ("0xanew", 0),
        ("0xanew", 30 * EMT),
    ]


async def test_a_chain_that_has_begun_anew_is_read_from_its_start(books: Books) -> None:
    await start(books, 5_000)
    books.store.movements.add([Movement("0xold", 1, 4_990, 0.0, K.OTHER, None, 5)])
    books.chain.fork, books.chain.later_s = "b", 5_000 * BLOCK_S
    books.chain.claim_and()
    assert await dropped(books, 12) is True
    assert (books.ledger.block, books.chain.reads) == (12, [(1, 12)])
    assert {tx for tx, *_ in rows(books)} == {"0xclaim"}


async def test_of_a_block_that_an_earlier_version_read_the_hash_decides(books: Books) -> None:
    books.store.key_values.set(key_values.LEDGER_BLOCK, "25 0xa25")
    books.chain.fork, books.chain.later_s = "b", 100 * BLOCK_S
    assert await dropped(books, 18) is False
    assert await dropped(books, 25) is True
    assert books.store.key_values.get(key_values.LEDGER_BLOCK) == "25 0xb25 1250"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (JobStatus.VERIFIED, K.VERIFY),
        (JobStatus.FAILED, K.REJECT),
        (JobStatus.TIMEOUT, K.TIMEOUT),
        (JobStatus.DECLINED, K.DECLINE),
    ],
)
async def test_an_end_that_moves_nothing_has_a_row_all_the_same(
    books: Books, status: JobStatus, kind: MovementKind
) -> None:
    await start(books, 9)
    books.chain.status(10, status, tx="0xend")
    await books.ledger.book_until(10)
    assert rows(books) == [("0xend", 10, kind, JOB_ID, 0)]


async def test_other_nodes_jobs_and_other_steps_have_none(books: Books) -> None:
    await start(books, 9)
    books.chain.status(10, JobStatus.PROCESSING, tx="0xtheirs", node=OTHER)
    books.chain.status(10, JobStatus.SUBMITTED, tx="0xsubmit")
    await books.ledger.book_until(10)
    assert rows(books) == []


async def test_one_transaction_that_ends_two_jobs_gives_each_its_own(books: Books) -> None:
    await start(books, 9)
    books.chain.status(10, JobStatus.VERIFIED, tx="0xboth", index=1)
    books.chain.transfer(10, 30 * EMT, tx="0xboth", index=2)
    books.chain.status(10, JobStatus.FAILED, tx="0xboth", index=3, job_id=OTHER_JOB_ID)
    books.chain.transfer(10, 4 * EMT, tx="0xboth", index=4)
    await books.ledger.book_until(10)
    moved = [(job, kind, amount) for _tx, _block, kind, job, amount in rows(books) if amount]
    assert moved == [(JOB_ID, K.VERIFY, 30 * EMT), (OTHER_JOB_ID, K.REJECT, 4 * EMT)]


async def test_a_transfer_before_any_event_belongs_to_the_first(books: Books) -> None:
    await start(books, 9)
    books.chain.transfer(10, -20 * EMT, tx="0xclaim", index=1)
    books.chain.status(10, JobStatus.PROCESSING, tx="0xclaim", index=2)
    await books.ledger.book_until(10)
    assert {(kind, job) for _tx, _block, kind, job, _amount in rows(books)} == {(K.CLAIM, JOB_ID)}


async def test_what_no_job_explains_is_a_withdrawal_or_request_of_ours_or_else(books: Books) -> None:
    await start(books, 9)
    books.store.journal.add(make_transaction(tx_hash="0xours", purpose="withdraw", job_id=None))
    for tx_hash, purpose in (("0xfee", "request"), ("0xback", "cancel request")):
        books.store.journal.add(make_transaction(tx_hash=tx_hash, purpose=purpose))
    books.chain.transfer(10, -20, tx="0xfee")
    books.chain.transfer(10, 20, tx="0xback")
    books.chain.transfer(10, 7, tx="0xours")
    books.chain.transfer(10, 3, tx="0xgift", own=US.lower())
    books.chain.status(10, JobStatus.SUBMITTED, tx="0xodd")
    books.chain.transfer(10, -2, tx="0xodd")
    await books.ledger.book_until(10)
    assert {(tx, kind, job, amount) for tx, _block, kind, job, amount in rows(books)} == {
        ("0xours", K.WITHDRAW, None, 7),
        ("0xfee", K.REQUEST, None, -20),
        ("0xback", K.REQUEST, None, 20),
        ("0xgift", K.OTHER, None, 3),
        ("0xodd", K.OTHER, None, -2),
    }


async def test_what_is_sent_to_oneself_comes_to_nothing(books: Books) -> None:
    await start(books, 9)
    books.chain.transfer(10, 7, tx="0xself")
    books.chain.moved[0] = replace(books.chain.moved[0], sender=US.lower())
    await books.ledger.book_until(10)
    assert rows(books) == [("0xself", 10, K.OTHER, None, 0)]


def minted(books: Books, **changes: object) -> None:
    """Journal a withdrawal of ours that is in block 12, and of which the token has no log."""
    fields = {"tx_hash": "0xmint", "purpose": "withdraw", "job_id": None, "block_number": 12}
    fields |= {"state": TransactionState.MINED, "raw": WITHDRAW_OF_SLOT_7}
    books.store.journal.add(make_transaction(**{**fields, **changes}))


async def test_a_silent_mint_is_what_nothing_else_in_its_block_explains(books: Books) -> None:
    await start(books, 9)
    minted(books)
    books.chain.emt_wei = {0: 91, 11: 100, 12: 146}
    books.chain.transfer(12, 6, tx="0xgift")
    books.chain.transfer(11, 9, tx="0xearlier")
    await books.ledger.book_until(11)
    assert [row for row in rows(books) if row[2] is K.WITHDRAW] == []
    await books.ledger.book_until(13)
    (row,) = [row for row in books.store.movements.after(-1) if row.kind is K.WITHDRAW]
    assert row == Movement("0xmint", 0, 12, 12.0 * BLOCK_S, K.WITHDRAW, None, 40)
    await books.ledger.book_until(14)
    assert len(books.store.movements.after(-1)) == 3


async def test_two_silent_mints_in_a_block_are_not_counted_twice(books: Books) -> None:
    await start(books, 9)
    minted(books)
    minted(books, tx_hash="0xmint2", nonce=6)
    books.chain.emt_wei = {0: 100, 12: 146}
    await books.ledger.book_until(13)
    assert sum(amount for *_, amount in rows(books)) == 46


async def test_a_silent_mint_that_settles_after_its_block_was_read_is_not_missed(books: Books) -> None:
    await start(books, 9)
    books.chain.emt_wei = {0: 100, 12: 146}
    books.chain.transfer(12, 6, tx="0xgift")
    await books.ledger.book_until(13)
    minted(books)
    await books.ledger.book_until(14)
    assert [row for row in rows(books) if row[2] is K.WITHDRAW] == [("0xmint", 12, K.WITHDRAW, None, 40)]


async def test_without_balances_the_rules_say_what_was_minted(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await start(books, 9)
    minted(books)
    books.chain.shares = [SlotShare(7, 0, 1, 4, 100), SlotShare(8, 0, 1, 1, 100)]
    await books.ledger.book_until(13)
    assert rows(books) == [("0xmint", 12, K.WITHDRAW, None, books.chain.shares[0].own_reward_wei)]
    said = "no balances at block 12, so the rules say what a withdrawal brought: missing trie node"
    assert caplog.messages == [said]


@pytest.mark.parametrize(("status", "minted_wei"), [(1, 46), (0, None), (None, None)])
async def test_a_silent_mint_that_is_not_settled_yet_is_in_the_block_of_its_receipt(
    books: Books, status: int | None, minted_wei: int | None
) -> None:
    await start(books, 9)
    tx_hash = "0x" + "12" * 32
    minted(books, tx_hash=tx_hash, state=TransactionState.SIGNED, block_number=None)
    books.chain.emt_wei = {0: 100, 12: 146}
    receipt = {"transactionHash": bytes.fromhex(tx_hash[2:]), "gasUsed": 1, "effectiveGasPrice": 1}
    if status is not None:
        books.chain.receipts[tx_hash] = receipt | {"blockNumber": 12, "status": status}
    scan = await books.ledger.scan(10, 13)
    assert [row.amount_wei for row in scan.movements] == ([] if minted_wei is None else [minted_wei])


async def test_a_withdrawal_that_failed_is_none(books: Books) -> None:
    await start(books, 9)
    minted(books, state=TransactionState.REVERTED)
    minted(books, state=TransactionState.MINED, tx_hash="0xsubmit", purpose="submit", nonce=6)
    await books.ledger.book_until(13)
    assert rows(books) == []


async def test_a_job_that_was_never_read_is_booked_with_its_whole_transactions(books: Books) -> None:
    await start(books, 50)
    books.chain.claim_and(JobStatus.VERIFIED, 30 * EMT)
    books.chain.status(20, JobStatus.PROCESSING, tx="0xother", job_id=OTHER_JOB_ID)
    await books.ledger.book_job(JOB_ID, 10 * BLOCK_S, 50)
    assert books.chain.reads == [(9, 50)]
    assert {(tx, amount) for tx, _block, _kind, _job, amount in rows(books) if amount} == {
        ("0xclaim", -20 * EMT),
        ("0xend", 30 * EMT),
    }
    assert {job_id for *_, job_id, _amount in rows(books)} == {JOB_ID}


async def test_nothing_is_read_where_there_is_nothing_new(books: Books) -> None:
    scan = await books.ledger.scan(6, 5)
    assert (list(scan.events), list(scan.movements), books.chain.reads) == ([], [], [])
    await books.ledger.scan(5, 5)
    assert books.chain.reads == [(5, 5)]
