"""Another program with our key: nonces that we did not sign."""

from __future__ import annotations

from collections.abc import Callable

from emeth_tui.engine.context import Context
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import KeyUsedElsewhere
from emeth_tui.store import key_values


class KeyWatch:
    """Compares the account's nonce with the journal's; says by `on_foreign` that another program uses it."""

    def __init__(self, context: Context, on_foreign: Callable[[Reason], None]) -> None:
        self._context = context
        self._on_foreign = on_foreign
        self._lost_before = 0

    def look(self, next_nonce: int) -> None:
        """Report that another program uses the account, once for each time that it did.

        `next_nonce` is the chain's. What an account did before its first start here is its own affair.
        """
        store, transactions = self._context.store, self._context.transactions
        marked = store.key_values.get(key_values.NONCE_SEEN)
        seen = next_nonce if marked is None else int(marked)
        lost = transactions.nonces_lost - self._lost_before
        foreign = max(0, next_nonce - seen) - store.journal.nonces_signed(seen, next_nonce) + lost
        if foreign:  # before it counts as seen: it is not found again
            self._on_foreign(KeyUsedElsewhere(self._context.address, foreign))
        self._lost_before += lost
        if marked is None or next_nonce > int(marked):
            store.key_values.set(key_values.NONCE_SEEN, str(next_nonce))
