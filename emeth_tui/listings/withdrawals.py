"""Which day each withdrawal was for: the journal has the call, the ledger what it moved."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.store.movements import MovementKind

if TYPE_CHECKING:
    from emeth_tui.store.reading import StoreReader

SELECTOR_BYTES = 4  # before the arguments of a call; `withdrawSlotReward` has one, the slot


def withdrawn_by_slot(tables: StoreReader) -> dict[int, int]:
    """Return the EMT that withdrawals of ours brought for each day, in wei, as far as they are final.

    Raise StoreError when the journal is damaged.
    """
    slots = {
        tx.tx_hash: int.from_bytes(read_signed(tx.raw).data[SELECTOR_BYTES:], "big")
        for tx in tables.journal.all()
        if tx.purpose == "withdraw"
    }
    withdrawn_wei: dict[int, int] = defaultdict(int)
    for movement in tables.movements.after(-1):
        if movement.kind is MovementKind.WITHDRAW and movement.tx_hash in slots:
            withdrawn_wei[slots[movement.tx_hash]] += movement.amount_wei
    return dict(withdrawn_wei)
