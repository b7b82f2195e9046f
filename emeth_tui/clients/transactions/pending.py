"""Transactions under way, by nonce: what the journal holds and the chain has not settled."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from emeth_tui.clients.chain.abi import Call
from emeth_tui.clients.transactions.broadcast import Receipt
from emeth_tui.clients.transactions.signed_bytes import SignedCall, read_signed
from emeth_tui.model import JobId, JournaledTransaction, TransactionState


class Journal(Protocol):
    """Where signed bytes are kept before they are sent: `store.journal` implements it."""

    def add(self, tx: JournaledTransaction) -> None:
        """Keep a signed transaction; durable when it returns. The same bytes a second time change nothing."""
        ...

    def settle(
        self, tx_hash: str, state: TransactionState, gas_used: int | None, fee_wei: int | None
    ) -> None:
        """Note how a transaction ended."""
        ...

    def unsettled(self) -> list[JournaledTransaction]:
        """List what is SIGNED, in nonce order."""
        ...


@dataclass(eq=False)
class PendingTransaction:
    """One act under way: its transaction, and the fee bumps that share its nonce, oldest first.

    Whoever watches it holds `lock`. Once it has ended, `receipt` is there if it was mined.
    """

    nonce: int
    transactions: list[JournaledTransaction]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    receipt: Receipt | None = None
    has_ended: bool = False

    @property
    def newest(self) -> JournaledTransaction:
        return self.transactions[-1]

    @property
    def signed(self) -> SignedCall:
        """The newest transaction, read back from its bytes."""
        return read_signed(self.newest.raw)

    @property
    def hashes(self) -> list[str]:
        return [tx.tx_hash for tx in self.transactions]

    @property
    def name(self) -> str:
        """What messages call it."""
        job = f"job {self.newest.job_id}: " if self.newest.job_id else ""
        return f"{job}{self.newest.purpose}"


class PendingTransactions:
    """All pending_transactions of an account that are not settled, kept in step with the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._by_nonce: dict[int, PendingTransaction] = {}
        self._given_up: set[str] = set()

    def open(self, job_id: JobId | None = None) -> list[PendingTransaction]:
        """List the pending_transactions that are not settled, in nonce order: all, or one job's."""
        self._adopt()
        pending_transactions = [self._by_nonce[nonce] for nonce in sorted(self._by_nonce)]
        return [
            pending for pending in pending_transactions if job_id is None or pending.newest.job_id == job_id
        ]

    def find(self, call: Call) -> PendingTransaction | None:
        """Find the pending that already makes this call."""
        target = bytes.fromhex(call.address[2:]), bytes.fromhex(call.data[2:])
        return next((pending for pending in self.open() if pending.signed.target == target), None)

    def free_nonce(self, first: int) -> int:
        """Find the lowest nonce from `first` up that no pending holds."""
        taken = {pending.nonce for pending in self.open()}
        return next(nonce for nonce in _up_from(first) if nonce not in taken)

    def add(self, tx: JournaledTransaction) -> PendingTransaction:
        """Commit a signed transaction to the journal; take it up as a pending, or as a pending's fee bump."""
        self._journal.add(tx)
        if tx.tx_hash in self._given_up:  # the very bytes that were given up before are wanted again
            self._given_up.remove(tx.tx_hash)
            self._journal.settle(tx.tx_hash, TransactionState.SIGNED, None, None)
        pending = self._by_nonce.setdefault(tx.nonce, PendingTransaction(tx.nonce, []))
        if tx.tx_hash not in pending.hashes:
            pending.transactions.append(tx)
        return pending

    def settle(self, pending: PendingTransaction, receipt: Receipt | None) -> None:
        """Note how a pending ended: the transaction in the receipt mined or reverted, the others replaced.

        Without a receipt all are: another transaction took the nonce, or this one was given up.
        """
        for index, tx in enumerate(pending.transactions):
            settled = _settled(tx, receipt)
            self._journal.settle(tx.tx_hash, settled.state, settled.gas_used, settled.fee_wei)
            pending.transactions[index] = settled
        pending.receipt = receipt
        pending.has_ended = True
        self._by_nonce.pop(pending.nonce, None)

    def give_up(self, pending: PendingTransaction) -> None:
        """Settle a pending that never left: its nonce is free again."""
        self._given_up.update(pending.hashes)
        self.settle(pending, None)

    def _adopt(self) -> None:
        for tx in self._journal.unsettled():
            pending = self._by_nonce.setdefault(tx.nonce, PendingTransaction(tx.nonce, []))
            if tx.tx_hash not in pending.hashes:
                pending.transactions.append(tx)


def _settled(tx: JournaledTransaction, receipt: Receipt | None) -> JournaledTransaction:
    if receipt is None or tx.tx_hash != receipt.tx_hash:
        return dataclasses.replace(tx, state=TransactionState.REPLACED)
    state = TransactionState.MINED if receipt.ok else TransactionState.REVERTED
    return dataclasses.replace(tx, state=state, gas_used=receipt.gas_used, fee_wei=receipt.fee_wei)


def _up_from(first: int) -> Iterator[int]:
    nonce = first
    while True:
        yield nonce
        nonce += 1
