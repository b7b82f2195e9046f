"""The market: what the info server offers, its expected profit, and why it is taken or not."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.market.rules import Offer
from emeth_tui.engine.money.profit import expectation
from emeth_tui.model import format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import ROOMY_CELLS, Column
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import day_and_time, duration, duration_range, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame

LONGEST_SHOWN_S = 10_000 * 86_400
LEAST_JUDGEMENT_CELLS = 24


class MarketScreen(RowsScreen[Offer]):
    """What is on offer; a job can be claimed by hand."""

    SCOPE = Scope.MARKET
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.MARKET)
    DETAIL_LINES = 2

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

    def top_line(self, frame: Frame) -> Line:
        offers, listed = frame.snapshot.offers, frame.snapshot.listed
        suits = sum(not offer.refusal for offer in offers)
        text = _("{n} on offer, {suits} suitable")
        if listed > len(offers):
            text = _("the best {n} of {listed} on offer, {suits} suitable")
        totals = text.format(n=len(offers), listed=listed, suits=suits)
        return line((_("Market"), "title"), ("   " + totals, "muted"))

    def detail(self, item: Offer) -> Span:
        return (text_of(item.refusal), "warn") if item.refusal else ("", "")

    def columns(self, frame: Frame, width: int) -> Sequence[Column[Offer]]:
        roomy = width >= ROOMY_CELLS

        def left_s(offer: Offer) -> float:
            return min(offer.job.deadline_unix_s - frame.now, LONGEST_SHOWN_S)

        def reward_wei(offer: Offer) -> int:
            return expectation(frame.snapshot, offer).reward_wei

        def profit_wei(offer: Offer) -> int:
            return expectation(frame.snapshot, offer).profit_wei

        prices = frame.snapshot.prices

        def net(offer: Offer) -> Decimal:
            left = expectation(frame.snapshot, offer).net(prices)
            return Decimal("-Infinity") if left is None else left

        def net_text(offer: Offer) -> str:
            left = expectation(frame.snapshot, offer).net(prices)
            return "–" if left is None else f"{left:,.2f}"

        return (
            Column(_("job"), lambda o: (short(o.job.job_id), "accent"), to_left=True),
            Column(_("fee"), lambda o: format_token(o.job.fee_wei), lambda o: o.job.fee_wei),
            Column(_("≈ reward"), lambda o: (format_token(reward_wei(o)), "muted"), reward_wei, spare=2),
            Column(_("≈ profit"), lambda o: format_token(profit_wei(o)), profit_wei),
            *([Column(_("≈ net"), net_text, net)] if prices.emt is not None else []),
            Column(_("size"), lambda o: size(o.job.dataset_bytes), lambda o: o.job.dataset_bytes, spare=1),
            Column(_("deadline"), lambda o: duration(left_s(o)), left_s),
            Column(_("at, UTC"), lambda o: (day_and_time(frame.now + left_s(o)), "muted"), spare=3),
            Column(_("needs"), lambda o: _needed(o, roomy), lambda o: o.needed.high_s),
            Column(_("judgement"), _judgement, to_left=True, least=LEAST_JUDGEMENT_CELLS),
        )


def _judgement(offer: Offer) -> Span:
    if offer.refusal:
        return "– " + text_of(offer.refusal), "muted"
    return "✓ " + _("suitable"), "good"


def _needed(offer: Offer, roomy: bool) -> str:
    """Return how long an offer takes; without room for the range, the end by which it is judged."""
    needed = offer.needed
    return duration_range(needed.low_s, needed.high_s) if roomy else duration(needed.high_s)
