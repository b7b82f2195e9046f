"""Declining: what it costs, exact to the wei, what the alternatives cost, what training is lost."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from emeth_tui.listings.costs import decline_facts
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui import why_not
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import line
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.listings.costs import DeclineCost
    from emeth_tui.notices.notice import Reason
    from emeth_tui.tui.frame import Frame


class Decline(Enum):
    """What to do about jobs that may be declined."""

    KEEP = "keep"
    DECLINE = "decline"
    DECLINE_AND_PAUSE = "decline and pause"  # claiming, so that no other job takes their place


def decline_dialog(frame: Frame, costs: Sequence[DeclineCost]) -> Dialog[Decline]:
    """Ask whether to decline one job or several; the default is No."""
    if len(costs) == 1:
        title = _("Decline job {job}?").format(job=short(costs[0].job.job_id))
        keep = _("No, keep the job")
    else:
        title = _("Decline all {n} jobs?").format(n=len(costs))
        keep = _("No, keep the jobs")
    total = exact_token(sum(cost.penalty_wei for cost in costs))
    return Dialog(
        title,
        facts_table(
            [(label, line((text, role))) for label, text, role in decline_facts(frame.snapshot, costs)]
        ),
        [
            Choice("n", keep, Decline.KEEP),
            Choice("y", _("Yes, decline and pay {amount} EMT").format(amount=total), Decline.DECLINE),
            Choice("p", _("Yes, and pause claiming"), Decline.DECLINE_AND_PAUSE, _why_no_pause(frame)),
        ],
    )


def _why_no_pause(frame: Frame) -> Reason | None:
    """Why claiming cannot be paused besides."""
    return why_not.finish_then_pause(frame, Target())
