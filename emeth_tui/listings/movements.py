"""The ledger beside the journal: what each movement cost in gas, which day each withdrawal was for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from emeth_tui.clients.transactions.signed_bytes import withdrawn_slot
from emeth_tui.store.movements import MovementKind

if TYPE_CHECKING:
    from emeth_tui.model import JournaledTransaction
    from emeth_tui.store.movements import Movement
    from emeth_tui.store.reading import StoreReader


def withdrawn_by_slot(tables: StoreReader) -> dict[int, int]:
    """Return the EMT that withdrawals of ours brought for each day, in wei, as far as they are final.

    Raise StoreError when the journal is damaged.
    """
    slots = {tx.tx_hash: withdrawn_slot(tx.raw) for tx in tables.journal.all() if tx.purpose == "withdraw"}
    withdrawn_wei: dict[int, int] = defaultdict(int)
    for movement in tables.movements.after(-1):
        if movement.kind is MovementKind.WITHDRAW and movement.tx_hash in slots:
            withdrawn_wei[slots[movement.tx_hash]] += movement.amount_wei
    return dict(withdrawn_wei)


def shown_movements(movements: Iterable[Movement]) -> list[Movement]:
    """Return the movements that moved something: one of 0 only marks that a job was claimed or ended."""
    return [movement for movement in movements if movement.amount_wei]


def fees_by_movement(
    transactions: Iterable[JournaledTransaction], movements: Iterable[Movement]
) -> dict[Movement, int]:
    """Return what this account paid for gas, at the first movement of each transaction: sums then add up."""
    fees_wei = {tx.tx_hash: tx.fee_wei for tx in transactions if tx.fee_wei is not None}
    return {one: fees_wei.pop(one.tx_hash) for one in movements if one.tx_hash in fees_wei}
