"""The transactions that the node signed and sent, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.model import JournaledTransaction, TransactionState, format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, right
from emeth_tui.tui.screens.job_parts import TRANSACTION_SIGNS
from emeth_tui.tui.screens.rows import RowsScreen
from emeth_tui.words.formats import duration, moment, transaction_state_name
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

TRANSACTIONS_SHOWN = 500


class TransactionsScreen(RowsScreen[JournaledTransaction]):
    """The transactions that the node signed and sent."""

    SCOPE = Scope.TRANSACTIONS

    def __init__(self) -> None:
        super().__init__()
        self.transactions: Sequence[JournaledTransaction] = ()

    async def load(self, records: Records) -> None:
        self.transactions = await records.transactions(TRANSACTIONS_SHOWN)

    def heading(self, frame: Frame, width: int) -> list[Line]:
        symbol = frame.snapshot.native_symbol
        columns = (
            (
                left(_("sent"), 21)
                + right(_("nonce"), 6)
                + "  "
                + left(_("purpose"), 10)
                + left(_("state"), 12)
            )
            + left(_("job"), 9)
            + right(_("gas"), 9)
            + right(_("fee {symbol}").format(symbol=symbol), 14)
        )
        title = line((_("Transactions"), "title"))
        return [title, BLANK, line((columns + "  " + _("hash"), "muted"))]

    def items(self, frame: Frame) -> Sequence[JournaledTransaction]:
        return self.transactions

    def key_of(self, item: JournaledTransaction) -> str:
        return item.tx_hash

    def searched_text(self, item: JournaledTransaction) -> str:
        return f"{item.tx_hash} {item.job_id or ''}"

    def empty_text(self) -> str:
        return _("no transaction matches the filter") if self.words else _("no transaction yet")

    def row(self, item: JournaledTransaction, frame: Frame, width: int) -> Line:
        sign, role = TRANSACTION_SIGNS[item.state]
        state = transaction_state_name(item.state)
        if item.state is TransactionState.SIGNED:
            state += " " + duration(frame.now - item.created_at_unix_s)
        return fit(
            line(
                (left(moment(item.created_at_unix_s), 21), "muted"),
                right(f"{item.nonce:,}", 6) + "  ",
                left(item.purpose, 10),
                (left(sign + state, 12), role),
                (left(short(item.job_id) if item.job_id else "", 9), "accent"),
                right(f"{item.gas_used:,}" if item.gas_used is not None else "–", 9),
                right(format_token(item.fee_wei, 8) if item.fee_wei is not None else "–", 14) + "  ",
                (item.tx_hash, "muted"),
            ),
            width,
        )
