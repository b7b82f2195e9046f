"""Panel 3: EMT that is free, locked, at risk, lost; and what is left to pay for transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from emeth_tui.model import format_token
from emeth_tui.tui.drawing.lines import Line, Span, join, left, line, right
from emeth_tui.words.formats import Count, cost
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame

LABEL_CELLS = 12
AMOUNT_CELLS = 12
UNIT_CELLS = 4
FEW_TRANSACTIONS = 20


def deposit_lines(frame: Frame, width: int) -> list[Line]:
    """Draw one amount a line, numbers under each other."""
    deposits = frame.snapshot.deposits
    if deposits is None:
        return [line((_("reading the chain …"), "muted"))]
    cells = min(AMOUNT_CELLS, max(8, width - LABEL_CELLS - 5))
    roomy = LABEL_CELLS + cells + UNIT_CELLS <= width
    risk, lost = cost(deposits.at_risk_wei, cells), cost(deposits.lost_today_wei, cells)
    back = format_token(deposits.returned_today_wei)
    amounts = [
        (_("free"), format_token(deposits.free_wei), "", None),
        (_("locked"), format_token(deposits.locked_wei), "", deposits.staked_limit_wei),
        (_("at risk"), risk, "warn" if deposits.at_risk_wei else "muted", None),
        (_("back today"), back, "good" if deposits.returned_today_wei else "muted", None),
        (_("lost today"), lost, "bad" if deposits.lost_today_wei else "muted", deposits.lost_limit_wei),
    ]
    lines = [
        line(
            (left(label, LABEL_CELLS), "muted"),
            (right(amount, cells), role),
            (" EMT" if roomy else "", "faint"),
            *_limit(limit_wei),
        )
        for label, amount, role, limit_wei in amounts
    ]
    symbol = frame.snapshot.native_symbol
    amount = right(format_token(deposits.native_wei), cells)
    lines.append(
        line((left(symbol, LABEL_CELLS), "muted"), (amount, ""), (f" {symbol}" if roomy else "", "faint"))
    )
    if paid := _transactions(frame, width):
        lines.append(line(*paid))
    return lines


def _limit(limit_wei: int | None) -> list[Span]:
    """Return the owner's limit of an amount, where there is one."""
    return [] if limit_wei is None else [(" / " + format_token(limit_wei), "muted")]


def deposit_summary(frame: Frame, width: int) -> Line:
    """Draw the amounts that matter most in one line."""
    deposits = frame.snapshot.deposits
    if deposits is None:
        return line((_("reading the chain …"), "muted"))
    lost = cost(deposits.lost_today_wei)
    groups: list[list[Span]] = [
        [(_("free") + " ", "muted"), (format_token(deposits.free_wei), "")],
        [(_("locked") + " ", "muted"), (format_token(deposits.locked_wei), "")],
        [
            (_("at risk") + " ", "muted"),
            (cost(deposits.at_risk_wei), "warn" if deposits.at_risk_wei else ""),
        ],
        [(_("lost today") + " ", "muted"), (lost, "bad" if deposits.lost_today_wei else "")],
        [(f"{frame.snapshot.native_symbol} ", "muted"), (format_token(deposits.native_wei), "")],
    ]
    return join(groups, width, gap=2)


def _transactions(frame: Frame, width: int) -> list[Span]:
    deposits = frame.snapshot.deposits
    if deposits is None or not deposits.native_per_transaction_wei:
        return []
    count = deposits.native_wei // deposits.native_per_transaction_wei
    sign, role = ("! ", "warn") if count < FEW_TRANSACTIONS else ("", "muted")
    words = sign + _("pays for ≈ {n:transaction|transactions}").format(n=Count(count))
    if cell_len(words) > width:
        words = sign + _("for ≈ {n} tx").format(n=f"{count:,}")
    return [(words, role)]
