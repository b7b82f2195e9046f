"""The transactions that the node signed and sent, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.model import JournaledTransaction, TransactionState
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.screens.job_parts import TRANSACTION_SIGNS
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.words.formats import duration, moment, rounded_up, transaction_state_name
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

TRANSACTIONS_SHOWN = 500
LEAST_HASH_CELLS = 6


class TransactionsScreen(RowsScreen[JournaledTransaction]):
    """The transactions that the node signed and sent."""

    SCOPE = Scope.TRANSACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.TRANSACTIONS)

    def __init__(self) -> None:
        super().__init__()
        self.transactions: Sequence[JournaledTransaction] = ()

    async def load(self, records: Records) -> None:
        self.transactions = await records.transactions(TRANSACTIONS_SHOWN)

    def open_details(self) -> None:
        """Show all about the chosen transaction."""
        if self.chosen_item is not None:
            self.host.pages.open_transaction(self.chosen_item)

    def copy(self) -> None:
        """Copy the chosen transaction's hash, by the terminal's own means (OSC 52)."""
        if self.chosen_item is not None:
            self.app.copy_to_clipboard(self.chosen_item.tx_hash)
            self.host.note.show(_("copied, if your terminal allows that"))

    def top_line(self, frame: Frame) -> Line:
        return line((_("Transactions sent"), "title"))

    def detail(self, item: JournaledTransaction) -> Span:
        return item.tx_hash, "muted"

    def columns(self, frame: Frame, width: int) -> Sequence[Column[JournaledTransaction]]:
        def state(tx: JournaledTransaction) -> Span:
            sign, role = TRANSACTION_SIGNS[tx.state]
            waits = duration(frame.now - tx.created_at_unix_s) if tx.state is TransactionState.SIGNED else ""
            return f"{sign}{transaction_state_name(tx.state)} {waits}".rstrip(), role

        fee = _("fee {symbol}").format(symbol=frame.snapshot.native_symbol)
        return (
            Column(_("sent"), _sent, lambda tx: tx.created_at_unix_s, to_left=True),
            Column(_("nonce"), lambda tx: f"{tx.nonce:,}", lambda tx: tx.nonce),
            Column(_("purpose"), lambda tx: tx.purpose, lambda tx: tx.purpose, to_left=True),
            Column(_("state"), state, lambda tx: tx.state.value, to_left=True),
            Column(_("job"), _job, lambda tx: tx.job_id or "", to_left=True),
            Column(_("gas"), _gas, lambda tx: tx.gas_used or 0, spare=1),
            Column(fee, _fee, lambda tx: tx.fee_wei or 0),
            Column(_("hash"), lambda tx: (tx.tx_hash, "muted"), to_left=True, least=LEAST_HASH_CELLS),
        )

    def items(self, frame: Frame) -> Sequence[JournaledTransaction]:
        return self.transactions

    def key_of(self, item: JournaledTransaction) -> str:
        return item.tx_hash

    def searched_text(self, item: JournaledTransaction) -> str:
        return f"{item.tx_hash} {item.job_id or ''}"

    def empty_text(self) -> str:
        return _("no transaction matches the filter") if self.words else _("no transaction yet")


def _sent(tx: JournaledTransaction) -> Span:
    return moment(tx.created_at_unix_s), "muted"


def _job(tx: JournaledTransaction) -> Span:
    return short(tx.job_id) if tx.job_id else "", "accent"


def _gas(tx: JournaledTransaction) -> str:
    return f"{tx.gas_used:,}" if tx.gas_used is not None else "–"


def _fee(tx: JournaledTransaction) -> str:
    return rounded_up(tx.fee_wei, 8) if tx.fee_wei is not None else "–"
