"""Another program with our key: nonces that we did not sign."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import KeyUsedElsewhere
from emeth_tui.store import key_values


class KeyWatch:
    """Compares the account's nonce with the journal's."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lost_before = 0

    def look(self, next_nonce: int) -> Reason | None:
        """Return that another program uses the account, once for each time that it did.

        `next_nonce` is the chain's. What an account did before its first start here is its own affair.
        """
        store, transactions = self._context.store, self._context.transactions
        marked = store.key_values.get(key_values.NONCE_SEEN)
        expected = max(store.journal.next_nonce(), next_nonce if marked is None else int(marked))
        lost = transactions.nonces_lost - self._lost_before
        self._lost_before = transactions.nonces_lost
        if marked is None or next_nonce > int(marked):
            store.key_values.set(key_values.NONCE_SEEN, str(next_nonce))
        foreign = max(0, next_nonce - expected) + lost
        return KeyUsedElsewhere(self._context.address, foreign) if foreign else None
