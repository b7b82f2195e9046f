"""One transaction: its whole hash, what it is for, what it cost, and where it stands on the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.model import JournaledTransaction, TransactionState, format_token
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, left, line, wrap
from emeth_tui.tui.screens.job_parts import TRANSACTION_SIGNS
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import (
    Count,
    duration,
    exact_token,
    moment,
    purpose_meaning,
    transaction_state_name,
)
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

LABEL_CELLS = 12  # beside it, a whole hash fits into 80 columns
SEARCHED = 500  # newest transactions in which it is looked for
WEI_PER_GWEI = 10**9
GWEI_PLACES = 9


class TransactionScreen(PageScreen):
    """Everything about one transaction; it follows what becomes of it."""

    SCOPE = Scope.TRANSACTION
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.TRANSACTION)

    def __init__(self, transaction: JournaledTransaction) -> None:
        super().__init__()
        self.transaction = transaction

    async def load(self, records: Records) -> None:
        newest = await records.transactions(SEARCHED)
        same = (tx for tx in newest if tx.tx_hash == self.transaction.tx_hash)
        self.transaction = next(same, self.transaction)

    @property
    def target(self) -> Target:
        return Target(opens=self.transaction.job_id)

    def open_details(self) -> None:
        """Show all about the transaction's job."""
        if self.transaction.job_id is not None:
            self.host.pages.open_job(self.transaction.job_id)

    def copy(self) -> None:
        """Copy the hash, by the terminal's own means (OSC 52)."""
        self.app.copy_to_clipboard(self.transaction.tx_hash)
        self.host.note.show(_("copied, if your terminal allows that"))

    def heading(self, frame: Frame, width: int) -> list[Line]:
        return [line((_("Transaction"), "title")), BLANK]

    def content(self, frame: Frame, width: int) -> list[Line]:
        tx = self.transaction
        sent = _("{moment} UTC, {time} ago").format(
            moment=moment(tx.created_at_unix_s), time=duration(frame.now - tx.created_at_unix_s)
        )
        rows: list[tuple[str, Span]] = [
            (_("hash"), (tx.tx_hash, "accent")),
            (_("purpose"), (f"{tx.purpose}: {purpose_meaning(tx.purpose)}", "")),
            (_("job"), (tx.job_id or "–", "accent" if tx.job_id else "muted")),
            (_("nonce"), (f"{tx.nonce:,}", "")),
            (_("signed"), (sent, "")),
            (_("state"), _state(tx)),
            (_("block"), (_block(frame, tx), "")),
            *_costs(tx, frame.snapshot.native_symbol),
        ]
        lines = [part for label, (text, role) in rows for part in _labelled(label, text, role, width)]
        return [part for part in lines if self.passes(part.text)]


def _labelled(label: str, text: str, role: str, width: int) -> list[Line]:
    """Draw a fact, on as many lines as it takes: nothing of it is cut."""
    rows = wrap(text, width - LABEL_CELLS, role)
    labels = [label, *[""] * len(rows)]
    return [
        line((left(name, LABEL_CELLS), "muted"), *row.spans) for name, row in zip(labels, rows, strict=False)
    ]


def _state(tx: JournaledTransaction) -> Span:
    sign, role = TRANSACTION_SIGNS[tx.state]
    meaning = {
        TransactionState.SIGNED: _("no block holds it yet"),
        TransactionState.MINED: _("it did what it is for"),
        TransactionState.REVERTED: _("the contract refused it; its gas is paid"),
        TransactionState.REPLACED: _("another transaction used its nonce, or no pool kept it"),
    }[tx.state]
    return f"{sign}{transaction_state_name(tx.state)}: {meaning}".strip(), role


def _block(frame: Frame, tx: JournaledTransaction) -> str:
    if tx.block_number is None:
        return "–"
    head = frame.snapshot.head
    if head is None or head.number < tx.block_number:
        return f"{tx.block_number:,}"
    deep = head.number - tx.block_number + 1
    return _("{block}, with {n:confirmation|confirmations}").format(
        block=f"{tx.block_number:,}", n=Count(deep)
    )


def _costs(tx: JournaledTransaction, symbol: str) -> list[tuple[str, Span]]:
    gas = "–" if tx.gas_used is None else f"{tx.gas_used:,}"
    if tx.fee_wei is None:
        return [(_("gas"), (gas, "")), (_("fee paid"), ("–", ""))]
    fee = f"{exact_token(tx.fee_wei)} {symbol}"
    if tx.gas_used:
        price = format_token(tx.fee_wei // tx.gas_used * WEI_PER_GWEI, GWEI_PLACES).rstrip("0").rstrip(".")
        fee += _(", ") + _("{price} gwei for each unit of gas").format(price=price)
    return [(_("gas"), (gas, "")), (_("fee paid"), (fee, ""))]
