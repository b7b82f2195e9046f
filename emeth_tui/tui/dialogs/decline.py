"""Declining: what it costs, exact to the wei, what the alternatives cost, what training is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.listings.costs import decline_facts
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import line
from emeth_tui.words.formats import exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.listings.costs import DeclineCost
    from emeth_tui.tui.frame import Frame


def decline_dialog(frame: Frame, costs: Sequence[DeclineCost]) -> Dialog[bool]:
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
            Choice("n", keep, False),
            Choice("y", _("Yes, decline and pay {amount} EMT").format(amount=total), True),
        ],
    )
