"""Pending transactions by nonce: what the journal holds and the chain has not settled."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import Protocol

from emeth_tui.clients.chain.contracts import Call
from emeth_tui.clients.transactions.broadcast import Receipt
from emeth_tui.clients.transactions.signed_bytes import SignedCall, read_signed
from emeth_tui.model import JobId, JournaledTransaction, TransactionState
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.transactions import InNoBlock

Wanted = Callable[[JournaledTransaction], bool]  # whether one that the chain does not know is worth sending


def every_one(_tx: JournaledTransaction) -> bool:
    """Want whatever was signed."""
    return True


class Journal(Protocol):
    """Keeps signed bytes before they are sent: `store.journal` implements it."""

    def add(self, tx: JournaledTransaction) -> None:
        """Write a signed transaction, durably. The same bytes a second time change nothing."""
        ...

    def settle(self, tx: JournaledTransaction) -> None:
        """Record how a transaction ended, or that its end is open again."""
        ...

    def unsettled(self) -> list[JournaledTransaction]:
        """Return the transactions that are SIGNED, in nonce order."""
        ...

    def of_job(self, job_id: JobId) -> list[JournaledTransaction]:
        """Return a job's transactions, oldest first."""
        ...

    def settled_from(self, nonce: int) -> list[JournaledTransaction]:
        """Return what is settled of the nonces from this one up of which one was mined, in nonce order."""
        ...


@dataclass(slots=True)
class Watch:
    """What is remembered between two checks of a transaction; times in monotonic seconds."""

    resend_at_s: float
    bump_at_s: float
    nonce_taken_checks: int = 0
    out_of_reach_since_s: float | None = None
    news: Reason = field(default_factory=InNoBlock)


@dataclass(eq=False)
class PendingTransaction:
    """A call that was signed and is not settled: its transaction and the fee bumps of it, oldest first.

    All of them share the nonce. Whoever watches it holds `lock`. `receipt` is set while the chain shows one
    of them mined; a reorganisation may take it back until `has_ended`.
    """

    nonce: int
    transactions: list[JournaledTransaction]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    watch: Watch | None = None
    receipt: Receipt | None = None
    has_ended: bool = False
    was_mined: bool = False  # and settled, before the chain took it back

    @property
    def newest(self) -> JournaledTransaction:
        return self.transactions[-1]

    @property
    def signed(self) -> SignedCall:
        """The newest transaction, decoded from its bytes."""
        return read_signed(self.newest.raw)

    @property
    def hashes(self) -> list[str]:
        return [tx.tx_hash for tx in self.transactions]

    def allows(self, receipt: Receipt) -> bool:
        """Whether a receipt of one of them takes no more gas, at no higher price, than was signed."""
        signed = read_signed(next(tx.raw for tx in self.transactions if tx.tx_hash == receipt.tx_hash))
        return receipt.gas_used <= signed.gas and receipt.fee_wei <= receipt.gas_used * signed.price.max_wei

    @property
    def name(self) -> str:
        """How messages name it."""
        job = f"job {self.newest.job_id}: " if self.newest.job_id else ""
        return f"{job}{self.newest.purpose}"


class PendingTransactions:
    """An account's pending transactions, kept in step with the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._by_nonce: dict[int, PendingTransaction] = {}
        self._dropped: set[str] = set()

    def open(self, job_id: JobId | None = None) -> list[PendingTransaction]:
        """Return the pending transactions in nonce order: all of them, or one job's."""
        self._load_journal()
        in_order = [self._by_nonce[nonce] for nonce in sorted(self._by_nonce)]
        return [pending for pending in in_order if job_id is None or pending.newest.job_id == job_id]

    def find(self, call: Call) -> PendingTransaction | None:
        """Return the pending transaction that makes this call, if there is one."""
        target = bytes.fromhex(call.address[2:]), bytes.fromhex(call.data[2:])
        return next((pending for pending in self.open() if pending.signed.target == target), None)

    def free_nonce(self, first: int) -> int:
        """Return the lowest nonce from `first` up that no transaction of ours holds or has used."""
        taken = {pending.nonce for pending in self.open()}
        taken |= {tx.nonce for tx in self._journal.settled_from(first)}
        return next(nonce for nonce in count(first) if nonce not in taken)

    def is_out_of_reach(self, pending: PendingTransaction, next_nonce: int, most: int) -> bool:
        """Whether more than `most` nonces that nobody has used yet lie before a transaction's.

        While the chain lacks what was mined already, its endpoint may be far behind, and nothing is.
        """
        if pending.nonce - next_nonce <= most or self._journal.settled_from(next_nonce):
            return False
        is_behind = any(other.was_mined for other in self.open())
        return not is_behind and pending.nonce - self.free_nonce(next_nonce) > most

    def reopen(self, next_nonce: int) -> None:
        """Take up what was settled as mined, although the chain has not come to its nonce: it was undone."""
        for nonce, siblings in groupby(self._journal.settled_from(next_nonce), lambda tx: tx.nonce):
            # The one that was mined last: what is sent again are its bytes.
            in_order = sorted(siblings, key=lambda tx: tx.state is not TransactionState.REPLACED)
            signed = [_reopened(tx) for tx in in_order]
            for tx in signed:
                self._journal.settle(tx)
            self._by_nonce[nonce] = PendingTransaction(nonce, signed, was_mined=True)

    def add(self, tx: JournaledTransaction) -> PendingTransaction:
        """Write a signed transaction to the journal; return the pending one that it begins or joins."""
        self._journal.add(tx)
        if tx.tx_hash in self._dropped:  # the very bytes that were dropped before are sent after all
            self._dropped.remove(tx.tx_hash)
            self._journal.settle(tx)
        pending = self._by_nonce.setdefault(tx.nonce, PendingTransaction(tx.nonce, []))
        if tx.tx_hash not in pending.hashes:
            pending.transactions.append(tx)
        return pending

    def settle(self, pending: PendingTransaction, receipt: Receipt | None) -> None:
        """Record the end: the transaction in the receipt was mined or reverted, the others replaced.

        Without a receipt all of them were: another transaction used the nonce, or this one was dropped.
        """
        for index, tx in enumerate(pending.transactions):
            settled = _settled(tx, receipt)
            self._journal.settle(settled)
            pending.transactions[index] = settled
        pending.receipt = receipt
        pending.has_ended = True
        self._by_nonce.pop(pending.nonce, None)

    def drop(self, pending: PendingTransaction) -> None:
        """Settle one that the chain never saw: its nonce is free again."""
        self._dropped.update(pending.hashes)
        self.settle(pending, None)

    def _load_journal(self) -> None:
        for tx in self._journal.unsettled():
            pending = self._by_nonce.setdefault(tx.nonce, PendingTransaction(tx.nonce, []))
            if tx.tx_hash not in pending.hashes:
                pending.transactions.append(tx)


def _reopened(tx: JournaledTransaction) -> JournaledTransaction:
    return dataclasses.replace(
        tx, state=TransactionState.SIGNED, gas_used=None, fee_wei=None, block_number=None
    )


def _settled(tx: JournaledTransaction, receipt: Receipt | None) -> JournaledTransaction:
    if receipt is None or tx.tx_hash != receipt.tx_hash:
        return dataclasses.replace(tx, state=TransactionState.REPLACED)
    state = TransactionState.MINED if receipt.ok else TransactionState.REVERTED
    return dataclasses.replace(
        tx,
        state=state,
        gas_used=receipt.gas_used,
        fee_wei=receipt.fee_wei,
        block_number=receipt.block_number,
    )
