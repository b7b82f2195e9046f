"""What declining a job costs and what claiming one stakes and should bring: the facts to decide by.

Whoever asks, the screen or the command line, shows these: to the wei, by the contract's own rates. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emeth_tui.engine.money.profit import expectation
from emeth_tui.foreign_text import clean
from emeth_tui.protocol.contracts import RATE_BASE
from emeth_tui.protocol.job_ids import short
from emeth_tui.words.formats import (
    clock,
    duration,
    duration_range,
    emt,
    energy,
    exact_token,
    moment,
    percent,
    rounded_up,
    size,
)
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.estimates.durations import Duration
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.job import Job

Fact = tuple[str, str, str]  # a label, what it comes to, and the role that this plays
LATEST_SHOWN_S = 10_000 * 86_400  # ahead; a stranger may write any number


@dataclass(frozen=True, slots=True)
class DeclineCost:
    """What declining a job means against the alternatives, in wei."""

    job: Job
    penalty_wei: int
    back_wei: int
    timeout_wei: int
    earning_wei: int  # if it is finished and verified
    fraction: float  # of its training that would be thrown away
    left: Duration | None  # until it is done, None while nothing is measured


def decline_cost(snapshot: Snapshot, job: Job) -> DeclineCost:
    """Return what declining a job costs now."""
    rates = snapshot.rates
    penalty_wei = rates.decline_penalty_wei(job.deposit_wei)
    forecast = next((one.left for one in snapshot.forecasts if one.job_id == job.job_id), None)
    return DeclineCost(
        job=job,
        penalty_wei=penalty_wei,
        back_wei=job.deposit_wei - penalty_wei,
        timeout_wei=rates.timeout_penalty_wei(job.deposit_wei),
        earning_wei=rates.earned_wei(job.fee_wei),
        fraction=trained_fraction(snapshot, job),
        left=forecast if forecast and forecast.measured else None,
    )


def trained_fraction(snapshot: Snapshot, job: Job) -> float:
    """Return the fraction of a job that is trained, including the current epoch's steps."""
    if not job.epochs:
        return 0.0
    worker = next((worker for worker in snapshot.workers if worker.job_id == job.job_id), None)
    if worker is None:
        return min(1.0, job.epochs_done / job.epochs)
    within = worker.step / worker.steps if worker.steps else 0.0
    return min(1.0, (worker.epoch + within) / job.epochs)


def decline_facts(snapshot: Snapshot, costs: Sequence[DeclineCost]) -> list[Fact]:
    """Return what to know before declining one job or several."""
    return _decline_one(snapshot, costs[0]) if len(costs) == 1 else _decline_all(snapshot, costs)


def claim_facts(snapshot: Snapshot, offer: Offer) -> list[Fact]:
    """Return what to know before claiming a job: what it stakes and should bring, and when."""
    return [
        *_claim_money(snapshot, offer),
        *_claim_time(snapshot, offer),
        *_claim_job(offer),
        *_claim_verification(snapshot),
    ]


def _claim_verification(snapshot: Snapshot) -> list[Fact]:
    """What the network asks of the result, where that is more than the published rules do."""
    if snapshot.verification == "chain":
        return []
    also = _("also by what was learnt of the text")
    if snapshot.verification == "replay":
        also = _("also by training epochs of it again, from states to be delivered")
    return [(_("verification"), also, "")]


def _decline_one(snapshot: Snapshot, cost: DeclineCost) -> list[Fact]:
    job = cost.job
    rate = snapshot.rates.decline_penalty_rate / RATE_BASE
    deadline_s = job.deadline_unix_s - snapshot.at_unix_s
    share = _("{percent} of the deposit of {deposit} EMT").format(
        percent=percent(rate), deposit=exact_token(job.deposit_wei)
    )
    late = _("{amount} EMT at {clock} UTC, in {time}; until then the deposit stays locked").format(
        amount=exact_token(cost.timeout_wei),
        clock=clock(job.deadline_unix_s),
        time=duration(deadline_s),
    )
    earned = _("{amount} EMT earned and the whole deposit back, once it is verified")
    if not snapshot.rates.returns_deposit:
        earned = _("{amount} EMT in all, once it is verified: the contract keeps the deposit")
    trained = _("{done} of {all} epochs, {percent} of the training: thrown away").format(
        done=job.epochs_done, all=job.epochs, percent=percent(cost.fraction)
    )
    return [
        (_("declining costs"), _(", ").join((f"{exact_token(cost.penalty_wei)} EMT", share)), "warn"),
        (_("returned now"), f"{exact_token(cost.back_wei)} EMT", ""),
        (_("timing out costs"), late, ""),
        (_("finishing earns"), earned.format(amount=exact_token(cost.earning_wei)), "good"),
        (_("trained so far"), trained, ""),
        (_("time left"), _time_left(cost, deadline_s), ""),
    ]


def _time_left(cost: DeclineCost, deadline_s: float) -> str:
    if cost.left is None:
        return _("{time} to the deadline").format(time=duration(deadline_s))
    return _("done in {range}, {time} to the deadline").format(
        range=duration_range(cost.left.low_s, cost.left.high_s), time=duration(deadline_s)
    )


def _decline_all(snapshot: Snapshot, costs: Sequence[DeclineCost]) -> list[Fact]:
    rows = [
        (
            short(cost.job.job_id),
            _("{amount} EMT; {done} of {all} epochs trained; deadline in {time}").format(
                amount=exact_token(cost.penalty_wei),
                done=cost.job.epochs_done,
                all=cost.job.epochs,
                time=duration(cost.job.deadline_unix_s - snapshot.at_unix_s),
            ),
            "",
        )
        for cost in costs
    ]
    total = sum(cost.penalty_wei for cost in costs)
    timeout = sum(cost.timeout_wei for cost in costs)
    earning = sum(cost.earning_wei for cost in costs)
    return [
        *rows,
        (_("declining costs"), f"{exact_token(total)} EMT", "warn"),
        (_("returned now"), f"{exact_token(sum(cost.back_wei for cost in costs))} EMT", ""),
        (_("timing out costs"), f"{exact_token(timeout)} EMT", ""),
        (_("finishing earns"), f"{exact_token(earning)} EMT", "good"),
    ]


def _claim_money(snapshot: Snapshot, offer: Offer) -> list[Fact]:
    rates, deposits = snapshot.rates, snapshot.deposits
    deposit_wei = rates.deposit_wei(offer.job.fee_wei)
    expected = expectation(snapshot, offer)
    stake = _("{amount} EMT") if rates.returns_deposit else _("{amount} EMT, which the contract keeps")
    stake = stake.format(amount=exact_token(deposit_wei))
    if deposits is not None:
        stake += _(", ") + _("{amount} is free").format(amount=emt(deposits.free_wei))
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
        cost = f"{rounded_up(expected.native_cost_wei, 4)} {snapshot.native_symbol}"
        brings += _(", ") + _("less ≈ {cost} for transactions").format(cost=cost)
    net = expected.net(snapshot.prices)
    nets: list[Fact] = []
    if net is not None:
        left = f"≈ {net:,.2f} {snapshot.prices.currency}"
        if expected.energy_mj is not None:
            left += _(", ") + _("with ≈ {energy} of energy").format(energy=energy(expected.energy_mj))
        nets = [(_("net"), left, "bad" if net < 0 else "good")]
    fee = _("{amount} EMT, {verifier} of it for the verifier").format(
        amount=exact_token(offer.job.fee_wei), verifier=exact_token(expected.verifier_fee_wei)
    )
    return [
        (_("fee"), fee, ""),
        (_("deposit"), stake, ""),
        (_("at risk"), costs, "warn"),
        (_("reward"), reward, ""),
        (_("profit"), brings, "bad" if expected.profit_wei < 0 else "good"),
        *nets,
    ]


def _claim_time(snapshot: Snapshot, offer: Offer) -> list[Fact]:
    left_s = min(offer.job.deadline_unix_s - snapshot.at_unix_s, LATEST_SHOWN_S)
    deadline = _("{moment} UTC, in {time}").format(
        moment=moment(snapshot.at_unix_s + left_s), time=duration(left_s)
    )
    needed = offer.needed
    slack_s = left_s - needed.high_s
    needs = _("≈ {time} on one worker").format(time=duration_range(needed.low_s, needed.high_s))
    needs += _(", ") + (_("as measured here") if needed.measured else _("by the reference's formula"))
    if slack_s < 0:
        needs += _(", ") + _("late by {time}").format(time=duration(-slack_s))
    else:
        needs += _(", ") + _("slack") + " " + duration(slack_s)
    return [(_("deadline"), deadline, ""), (_("needs"), needs, "bad" if slack_s < 0 else "")]


def _claim_job(offer: Offer) -> list[Fact]:
    job = offer.job
    how_large = f"{size(job.dataset_bytes)} ({job.dataset_bytes:,} B)"
    judgement = _("suitable")
    if offer.refusal is not None:
        judgement = _("not taken: {reason}").format(reason=text_of(offer.refusal))
    return [
        (_("automatically"), judgement, "warn" if offer.refusal else "good"),
        (_("dataset"), _(", ").join((clean(job.dataset), how_large)), ""),
        (_("requester"), clean(job.owner), ""),
        (_("parameters"), clean(job.param or "–"), ""),
    ]
