"""Declining: what it costs, exact to the wei, what the alternatives cost, what training is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.protocol.contracts import RATE_BASE
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.words.formats import clock, duration, duration_range, exact_token, percent
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.costs import DeclineCost
    from emeth_tui.tui.frame import Frame


def decline_dialog(frame: Frame, costs: Sequence[DeclineCost]) -> Dialog[bool]:
    """Ask whether to decline one job or several; the default is No."""
    if len(costs) == 1:
        title = _("Decline job {job}?").format(job=short(costs[0].job.job_id))
        rows = _one(frame, costs[0])
        keep = _("No, keep the job")
    else:
        title = _("Decline all {n} jobs?").format(n=len(costs))
        rows = _all(frame, costs)
        keep = _("No, keep the jobs")
    total = exact_token(sum(cost.penalty_wei for cost in costs))
    return Dialog(
        title,
        facts_table(rows),
        [
            Choice("n", keep, False),
            Choice("y", _("Yes, decline and pay {amount} EMT").format(amount=total), True),
        ],
    )


def _one(frame: Frame, cost: DeclineCost) -> list[tuple[str, Line]]:
    job = cost.job
    rate = frame.snapshot.rates.decline_penalty_rate / RATE_BASE
    deadline_s = job.deadline_unix_s - frame.now
    share = _("{percent} of the deposit of {deposit} EMT").format(
        percent=percent(rate), deposit=exact_token(job.deposit_wei)
    )
    late = _("{amount} EMT at {clock} UTC, in {time}; until then the deposit stays locked").format(
        amount=exact_token(cost.timeout_wei),
        clock=clock(job.deadline_unix_s),
        time=duration(deadline_s),
    )
    earned = _("{amount} EMT earned and the whole deposit back, once it is verified").format(
        amount=exact_token(cost.earning_wei)
    )
    trained = _("{done} of {all} epochs, {percent} of the training: thrown away").format(
        done=job.epochs_done, all=job.epochs, percent=percent(cost.fraction)
    )
    return [
        (_("declining costs"), line((f"{exact_token(cost.penalty_wei)} EMT, {share}", "warn"))),
        (_("returned now"), line(f"{exact_token(cost.back_wei)} EMT")),
        (_("timing out costs"), line(late)),
        (_("finishing earns"), line((earned, "good"))),
        (_("trained so far"), line(trained)),
        (_("time left"), line(_time_left(cost, deadline_s))),
    ]


def _time_left(cost: DeclineCost, deadline_s: float) -> str:
    if cost.forecast is None:
        return _("{time} to the deadline").format(time=duration(deadline_s))
    return _("done in {range}, {time} to the deadline").format(
        range=duration_range(cost.forecast.low_s, cost.forecast.high_s), time=duration(deadline_s)
    )


def _all(frame: Frame, costs: Sequence[DeclineCost]) -> list[tuple[str, Line]]:
    rows = [
        (
            short(cost.job.job_id),
            line(
                _("{amount} EMT; {done} of {all} epochs trained; deadline in {time}").format(
                    amount=exact_token(cost.penalty_wei),
                    done=cost.job.epochs_done,
                    all=cost.job.epochs,
                    time=duration(cost.job.deadline_unix_s - frame.now),
                )
            ),
        )
        for cost in costs
    ]
    total = sum(cost.penalty_wei for cost in costs)
    timeout = sum(cost.timeout_wei for cost in costs)
    earning = sum(cost.earning_wei for cost in costs)
    return [
        *rows,
        (_("declining costs"), line((f"{exact_token(total)} EMT", "warn"))),
        (_("returned now"), line(f"{exact_token(sum(cost.back_wei for cost in costs))} EMT")),
        (_("timing out costs"), line(f"{exact_token(timeout)} EMT")),
        (_("finishing earns"), line((f"{exact_token(earning)} EMT", "good"))),
    ]
