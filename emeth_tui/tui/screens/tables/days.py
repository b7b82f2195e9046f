"""The earnings of each day: jobs that ended on it, fees, losses, and the reward for its gas.

A reward that is not withdrawn is an estimate, and in no total.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.money.costs import NO_COSTS
from emeth_tui.engine.money.earnings import DayAccount, net_of_days
from emeth_tui.listings.csv_text import days_csv
from emeth_tui.model import NO_PRICES, Prices, format_token
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.screens.day_accounts import DayAccounts
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.words.formats import Count, cost, day_of, emt, energy
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records


class DaysScreen(RowsScreen[DayAccount]):
    """One row per day."""

    SCOPE = Scope.DAYS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.DAYS)

    def __init__(self) -> None:
        super().__init__()
        self.jobs: Sequence[Job] = ()
        self.costs = NO_COSTS
        self._days = DayAccounts()
        self._prices = NO_PRICES

    async def load(self, records: Records) -> None:
        self.jobs = await records.history()
        self.costs = await records.day_costs()

    def open_details(self) -> None:
        """List the jobs that ended on the chosen day."""
        if self.chosen_item is not None:
            self.host.pages.open_history(f"ended:{day_of(self.chosen_item.start_unix_s)}")

    def export(self) -> None:
        """Write the days that are shown to a file."""
        self.host.pages.ask_export("days", len(self.shown), partial(days_csv, self.shown, self._prices))

    def items(self, frame: Frame) -> Sequence[DayAccount]:
        today, self._prices = frame.snapshot.today, frame.snapshot.prices
        return self._days.of(self.jobs, today, self.costs)

    def key_of(self, item: DayAccount) -> int:
        return item.slot

    def empty_text(self) -> str:
        return _("no day matches the filter") if self.words else _("no job has ended yet")

    def top_line(self, frame: Frame) -> Line:
        total = sum(day.total_wei for day in self.shown)
        totals = _("{n:day|days}, {total} in all").format(n=Count(len(self.shown)), total=emt(total))
        if estimated_wei := sum(day.estimated_wei for day in self.shown):
            totals += ", " + _("≈ {amount} not withdrawn yet").format(amount=emt(estimated_wei))
        if (net := net_of_days(self.shown, self._prices)) is not None:
            left = _("net: {net} {currency}")
            totals += ", " + left.format(net=f"{net:,.2f}", currency=self._prices.currency)
        return line((_("Days"), "title"), ("   " + totals, "muted"))

    def columns(self, frame: Frame, width: int) -> Sequence[Column[DayAccount]]:
        today = frame.snapshot.today

        def day(item: DayAccount) -> str:
            running = today is not None and item.slot == today.share.slot
            return day_of(item.start_unix_s) + (" …" if running else "")

        return (
            Column(_("day, UTC"), day, lambda item: item.slot, to_left=True),
            Column(_("ended"), lambda item: f"{item.ended:,}", lambda item: item.ended, spare=1),
            Column(_("verified"), _verified, lambda item: item.verified),
            Column(_("costly"), _costly, lambda item: item.costly),
            Column(_("gas"), lambda item: f"{item.gas:,}", lambda item: item.gas, spare=2),
            Column(_("earned"), lambda item: format_token(item.earned_wei), lambda item: item.earned_wei),
            Column(_("lost"), _lost, lambda item: item.lost_wei),
            Column(_("reward"), _reward, lambda item: item.reward_wei + item.estimated_wei),
            Column(_("total"), _total, lambda item: item.total_wei),
            *_cost_columns(self._prices, measured=bool(self.costs.energy_mj)),
        )


def _cost_columns(prices: Prices, *, measured: bool) -> list[Column[DayAccount]]:
    """Show energy where it is measured, and what is left net where the owner keeps a price of EMT."""

    def taken(day: DayAccount) -> Span:
        return "" if day.energy_mj is None else energy(day.energy_mj), "muted"

    def left(day: DayAccount) -> Span:
        net = net_of_days([day], prices)
        return ("–", "muted") if net is None else (f"{net:,.2f}", "bad" if net < 0 else "good")

    def by_net(day: DayAccount) -> Decimal:
        net = net_of_days([day], prices)
        return Decimal("-Infinity") if net is None else net

    title = _("net {currency}").format(currency=prices.currency)
    return [
        *([Column(_("energy"), taken, lambda day: day.energy_mj or 0, spare=3)] if measured else []),
        *([Column(title, left, by_net)] if prices.emt is not None else []),
    ]


def _verified(day: DayAccount) -> Span:
    return f"{day.verified:,}", "good" if day.verified else "muted"


def _costly(day: DayAccount) -> Span:
    return f"{day.costly:,}", "bad" if day.costly else "muted"


def _lost(day: DayAccount) -> Span:
    return cost(day.lost_wei), "bad" if day.lost_wei else "muted"


def _total(day: DayAccount) -> Span:
    return format_token(day.total_wei), "bad" if day.total_wei < 0 else "title"


def _reward(day: DayAccount) -> str | Span:
    """Show a reward that is withdrawn, or what it may be."""
    if day.estimated_wei:
        return f"≈ {format_token(day.estimated_wei)}", "muted"
    return format_token(day.reward_wei)
