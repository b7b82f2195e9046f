"""The earnings of each day: jobs that ended on it, fees, losses, and the reward for its gas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.money.earnings import DayAccount, days_of
from emeth_tui.model import format_token
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.csv_export import days_csv
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, right
from emeth_tui.tui.screens.rows import RowsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import cost, day_of, emt
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

ROOMY_CELLS = 90


class DaysScreen(RowsScreen[DayAccount]):
    """One row per day."""

    SCOPE = Scope.DAYS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.DAYS)

    def __init__(self) -> None:
        super().__init__()
        self.jobs: Sequence[Job] = ()

    async def load(self, records: Records) -> None:
        self.jobs = await records.history()

    @property
    def target(self) -> Target:
        return Target(row_count=len(self.shown))

    def open_details(self) -> None:
        """List the jobs that ended on the chosen day."""
        if self.chosen_item is not None:
            self.host.pages.open_history(f"ended:{day_of(self.chosen_item.start_unix_s)}")

    def export(self) -> None:
        """Write the days that are shown to a file."""
        self.host.pages.ask_export("days", len(self.shown), days_csv(self.shown))

    def items(self, frame: Frame) -> Sequence[DayAccount]:
        today = frame.snapshot.today
        return days_of(self.jobs, (*today.days, today.share) if today else ())

    def key_of(self, item: DayAccount) -> int:
        return item.slot

    def empty_text(self) -> str:
        return _("no day matches the filter") if self.words else _("no job has ended yet")

    def heading(self, frame: Frame, width: int) -> list[Line]:
        total = sum(day.total_wei for day in self.shown)
        totals = _("{n} days, {total} in all").format(n=len(self.shown), total=emt(total))
        columns = left(_("day, UTC"), 12) + right(_("ended"), 6) + right(_("verified"), 9)
        columns += (
            right(_("costly"), 8)
            + (right(_("gas"), 9) if width >= ROOMY_CELLS else "")
            + right(_("earned"), 10)
        )
        columns += right(_("lost"), 9) + right(_("reward"), 12) + right(_("total"), 12)
        return [line((_("Days"), "title"), ("   " + totals, "muted")), BLANK, line((columns, "muted"))]

    def row(self, item: DayAccount, frame: Frame, width: int) -> Line:
        today = frame.snapshot.today
        running = today is not None and item.slot == today.share.slot
        return fit(
            line(
                left(day_of(item.start_unix_s) + (" …" if running else ""), 12),
                right(f"{item.ended:,}", 6),
                (right(f"{item.verified:,}", 9), "good" if item.verified else "muted"),
                (right(f"{item.costly:,}", 8), "bad" if item.costly else "muted"),
                right(f"{item.gas:,}", 9) if width >= ROOMY_CELLS else "",
                right(format_token(item.earned_wei), 10),
                (right(cost(item.lost_wei, 8), 9), "bad" if item.lost_wei else "muted"),
                right(format_token(item.reward_wei), 12),
                (right(format_token(item.total_wei), 12), "bad" if item.total_wei < 0 else "title"),
            ),
            width,
        )
