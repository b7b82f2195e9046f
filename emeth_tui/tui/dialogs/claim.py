"""Claiming by hand: what an offer stakes and should bring, when, and why it is not taken by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.engine.money.profit import expectation
from emeth_tui.foreign_text import clean
from emeth_tui.model import format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui import why_not
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import duration, duration_range, emt, exact_token, moment, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.tui.frame import Frame

LATEST_SHOWN_S = 10_000 * 86_400  # ahead; a stranger may write any number


def claim_dialog(frame: Frame, offer: Offer) -> Dialog[bool]:
    """Ask whether to claim an offer; the default is No."""
    deposit = exact_token(frame.snapshot.rates.deposit_wei(offer.job.fee_wei))
    reason = why_not.claim(frame, Target(offer=offer))
    yes = _("Yes, claim it and stake {amount} EMT").format(amount=deposit)
    return Dialog(
        _("Claim job {job}?").format(job=short(offer.job.job_id)),
        facts_table([*_money(frame, offer), *_time(frame, offer), *_job(offer)]),
        [Choice("n", _("No, leave it"), False), Choice("y", yes, True, reason)],
    )


def _money(frame: Frame, offer: Offer) -> list[tuple[str, Line]]:
    rates, deposits = frame.snapshot.rates, frame.snapshot.deposits
    deposit_wei = rates.deposit_wei(offer.job.fee_wei)
    expected = expectation(frame.snapshot, offer)
    stake = _("{amount} EMT").format(amount=exact_token(deposit_wei))
    if deposits is not None:
        stake += ", " + _("{amount} is free").format(amount=emt(deposits.free_wei))
    risk = _("{timeout} EMT timed out, {decline} declined, {rejection} rejected")
    costs = risk.format(
        timeout=exact_token(rates.timeout_penalty_wei(deposit_wei)),
        decline=exact_token(rates.decline_penalty_wei(deposit_wei)),
        rejection=exact_token(rates.rejection_cost_wei(deposit_wei)),
    )
    reward = _("≈ {amount} for {gas} of ≈ {all} gas in a day").format(
        amount=emt(expected.reward_wei), gas=f"{expected.gas:,}", all=f"{expected.day_gas:,}"
    )
    sign = "! " if expected.profit_wei < 0 else "≈ "
    brings = sign + emt(expected.profit_wei)
    if expected.native_cost_wei:
        cost = f"{format_token(expected.native_cost_wei, 4)} {frame.snapshot.native_symbol}"
        brings += ", " + _("less ≈ {cost} for transactions").format(cost=cost)
    fee = _("{amount} EMT, {verifier} of it for the verifier").format(
        amount=exact_token(offer.job.fee_wei), verifier=exact_token(expected.verifier_fee_wei)
    )
    return [
        (_("fee"), line(fee)),
        (_("deposit"), line(stake)),
        (_("at risk"), line((costs, "warn"))),
        (_("reward"), line(reward)),
        (_("profit"), line((brings, "bad" if expected.profit_wei < 0 else "good"))),
    ]


def _time(frame: Frame, offer: Offer) -> list[tuple[str, Line]]:
    left_s = min(offer.job.deadline_unix_s - frame.now, LATEST_SHOWN_S)
    deadline = _("{moment} UTC, in {time}").format(moment=moment(frame.now + left_s), time=duration(left_s))
    needed = offer.needed
    slack_s = left_s - needed.high_s
    needs = _("≈ {time} on one worker").format(time=duration_range(needed.low_s, needed.high_s))
    needs += ", " + (_("as measured here") if needed.measured else _("by the reference's formula"))
    if slack_s < 0:
        late = (needs + ", " + _("late by {time}").format(time=duration(-slack_s)), "bad")
    else:
        late = (needs + ", " + _("slack") + " " + duration(slack_s), "")
    return [(_("deadline"), line(deadline)), (_("needs"), line(late))]


def _job(offer: Offer) -> list[tuple[str, Line]]:
    job = offer.job
    why = (_("suitable"), "good")
    if offer.refusal is not None:
        why = (_("not taken: {reason}").format(reason=text_of(offer.refusal)), "warn")
    return [
        (_("automatically"), line(why)),
        (_("dataset"), line(f"{clean(job.dataset)}, {size(job.dataset_bytes)} ({job.dataset_bytes:,} B)")),
        (_("requester"), line(clean(job.owner))),
        (_("parameters"), line(clean(job.param or "–"))),
    ]
