"""Claiming by hand: what an offer stakes and should bring, when, and why it is not taken by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.listings.costs import claim_facts
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui import why_not
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.drawing.lines import line
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.tui.frame import Frame


def claim_dialog(frame: Frame, offer: Offer) -> Dialog[bool]:
    """Ask whether to claim an offer; the default is No."""
    deposit = exact_token(frame.snapshot.rates.deposit_wei(offer.job.fee_wei))
    reason = why_not.claim(frame, Target(offer=offer))
    yes = _("Yes, claim it and stake {amount} EMT").format(amount=deposit)
    return Dialog(
        _("Claim job {job}?").format(job=short(offer.job.job_id)),
        facts_table(
            [(label, line((text, role))) for label, text, role in claim_facts(frame.snapshot, offer)]
        ),
        [Choice("n", _("No, leave it"), False), Choice("y", yes, True, reason)],
    )
