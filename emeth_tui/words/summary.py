"""The summary of a run as lines, in the interface's language."""

from __future__ import annotations

from collections import Counter

from rich.cells import cell_len

from emeth_tui.model import JobState, format_token
from emeth_tui.notices.events.node import Summary
from emeth_tui.words.formats import exact_token, state_name
from emeth_tui.words.translation import _


def summary_lines(summary: Summary) -> list[str]:
    """Return the summary of a run as lines of a label and what it came to."""
    rows = [
        (_("jobs"), _outcomes(summary)),
        (_("epochs"), f"{summary.epochs:,}"),
        (_("gas"), f"{summary.gas:,}"),
        (_("share"), _share(summary)),
        (
            "EMT",
            _("{before} before, {after} after").format(
                before=_amount(summary.emt_before_wei), after=_amount(summary.emt_after_wei)
            ),
        ),
        (_("change"), _change(summary)),
        *_unlike(summary),
    ]
    width = max(cell_len(label) for label, _text in rows) + 2
    return [label + " " * (width - cell_len(label)) + text for label, text in rows]


def _outcomes(summary: Summary) -> str:
    counts = Counter(summary.jobs.values())
    ended = [f"{counts[state]} {state_name(state)}" for state in JobState if state.is_final and counts[state]]
    return ", ".join(ended) or _("none ended")


def _share(summary: Summary) -> str:
    total = summary.slot_total_gas
    return _("{own} of {total} gas today, {percent} %, {reward} EMT so far").format(
        own=f"{summary.slot_own_gas:,}",
        total=f"{total:,}",
        percent=f"{100 * summary.slot_own_gas / total if total else 0.0:.2f}",
        reward=format_token(summary.slot_reward_wei),
    )


def _change(summary: Summary) -> str:
    text = _("{change} = earned {earned} - lost {lost} + rewards {rewards}").format(
        change=_amount(summary.emt_after_wei - summary.emt_before_wei),
        earned=_amount(summary.earned_wei),
        lost=_amount(summary.lost_wei),
        rewards=_amount(summary.withdrawn_wei),
    )
    if summary.requested_wei:
        text += " " + _("- requests {requests}").format(requests=_amount(-summary.requested_wei))
    if summary.others:
        others_wei = sum(summary.others.values())
        text += " " + _("+ other {other}").format(other=_amount(others_wei))
    return text if summary.unexplained_wei else f"{text}; " + _("adds up to the wei")


def _unlike(summary: Summary) -> list[tuple[str, str]]:
    """Return a row for each movement that is none of the node's work, and for what no movement shows."""
    in_transaction = _("{amount} EMT in transaction {tx}")
    rows = [
        (_("other"), in_transaction.format(amount=_amount(amount_wei), tx=tx_hash))
        for tx_hash, amount_wei in summary.others.items()
    ]
    if summary.unexplained_wei:
        amount = _amount(summary.unexplained_wei)
        rows.append((_("open"), _("{amount} EMT that no transfer of the token shows").format(amount=amount)))
    return rows


def _amount(amount_wei: int) -> str:
    return exact_token(amount_wei)
