"""What the days came to, for a page that is painted often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.engine.money.costs import NO_COSTS, DayCosts
from emeth_tui.engine.money.earnings import DayAccount, days_of

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import TodaysShare
    from emeth_tui.job import Job


class DayAccounts:
    """Adds jobs up by day. They may be many: only when there are other ones, or another share of today."""

    def __init__(self) -> None:
        self._days: Sequence[DayAccount] = ()
        self._days_of: tuple[Sequence[Job], TodaysShare | None, DayCosts] | None = None

    def of(
        self, jobs: Sequence[Job], today: TodaysShare | None, costs: DayCosts = NO_COSTS
    ) -> Sequence[DayAccount]:
        """Return the days, the same ones where nothing has changed."""
        known = self._days_of
        if known is None or known[0] is not jobs or known[1:] != (today, costs):
            self._days_of = jobs, today, costs
            self._days = days_of(
                jobs,
                today.days if today else (),
                today.share if today else None,
                native_fees_wei=costs.native_fees_wei,
                energy_mj=costs.energy_mj,
            )
        return self._days
