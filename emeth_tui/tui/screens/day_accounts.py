"""What the days came to, for a page that is painted often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.engine.money.earnings import DayAccount, days_of

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import TodaysShare
    from emeth_tui.job import Job


class DayAccounts:
    """Adds jobs up by day. They may be many: only when there are other ones, or another share of today."""

    def __init__(self) -> None:
        self._days: Sequence[DayAccount] = ()
        self._days_of: tuple[Sequence[Job], TodaysShare | None] | None = None

    def of(self, jobs: Sequence[Job], today: TodaysShare | None) -> Sequence[DayAccount]:
        """Return the days, the same ones where nothing has changed."""
        if self._days_of is None or self._days_of[0] is not jobs or self._days_of[1] != today:
            self._days_of = jobs, today
            self._days = days_of(jobs, today.days, today.share) if today else days_of(jobs, ())
        return self._days
