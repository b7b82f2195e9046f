"""The market: what the info server offers, its expected profit, and why it is taken or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.market.rules import Offer
from emeth_tui.model import format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.costs import expectation
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, right
from emeth_tui.tui.screens.rows import RowsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import day_and_time, duration, duration_range, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame

LONGEST_SHOWN_S = 10_000 * 86_400
ROOMY_CELLS = 110


class MarketScreen(RowsScreen[Offer]):
    """What is on offer; a job can be claimed by hand."""

    SCOPE = Scope.MARKET
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.MARKET)

    @property
    def target(self) -> Target:
        return Target(offer=self.chosen_item, row_count=len(self.shown))

    def items(self, frame: Frame) -> Sequence[Offer]:
        return frame.snapshot.offers

    def key_of(self, item: Offer) -> str:
        return item.job.job_id

    def searched_text(self, item: Offer) -> str:
        return item.job.job_id

    def empty_text(self) -> str:
        if self.words:
            return _("no job matches the filter")
        return _("the info server offers no other jobs")

    def heading(self, frame: Frame, width: int) -> list[Line]:
        roomy = width >= ROOMY_CELLS
        columns = left(_("job"), 9) + right(_("fee"), 10) + (right(_("≈ reward"), 12) if roomy else "")
        columns += right(_("≈ profit"), 11) + right(_("size"), 9) + right(_("deadline"), 13)
        columns += (
            (right(_("at, UTC"), 13) if roomy else "")
            + right(_("needs"), _needs_cells(roomy))
            + "  "
            + _("judgement")
        )
        suits = sum(not offer.refusal for offer in frame.snapshot.offers)
        totals = _("{n} on offer, {suits} suitable").format(n=len(frame.snapshot.offers), suits=suits)
        title = line((_("Market"), "title"), ("   " + totals, "muted"))
        return [title, self._chosen_judgement(width), line((columns, "muted"))]

    def _chosen_judgement(self, width: int) -> Line:
        """Say in full why the chosen job is not taken: its own row may be too narrow for that."""
        refusal = self.chosen_item.refusal if self.chosen_item else None
        return fit(line((text_of(refusal), "warn")), width) if refusal else BLANK

    def row(self, item: Offer, frame: Frame, width: int) -> Line:
        job = item.job
        expected = expectation(frame, item)
        left_s = min(job.deadline_unix_s - frame.now, LONGEST_SHOWN_S)
        roomy = width >= ROOMY_CELLS
        judgement = (
            ("– " + text_of(item.refusal), "muted") if item.refusal else ("✓ " + _("suitable"), "good")
        )
        return fit(
            line(
                (left(short(job.job_id), 9), "accent"),
                right(format_token(job.fee_wei), 10),
                (right(format_token(expected.reward_wei), 12), "muted") if roomy else "",
                right(format_token(expected.profit_wei), 11),
                right(size(job.dataset_bytes), 9),
                right(duration(left_s), 13),
                (right(day_and_time(frame.now + left_s), 13), "muted") if roomy else "",
                right(_needed(item, roomy), _needs_cells(roomy)) + "  ",
                judgement,
            ),
            width,
        )


def _needed(offer: Offer, roomy: bool) -> str:
    """Return how long an offer takes; without room for the range, the end by which it is judged."""
    needed = offer.needed
    return duration_range(needed.low_s, needed.high_s) if roomy else duration(needed.high_s)


def _needs_cells(roomy: bool) -> int:
    return 17 if roomy else 13
