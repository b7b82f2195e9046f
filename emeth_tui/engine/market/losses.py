"""The owner's limit on a day's losses: claiming stops there, until the next day or the operator's word."""

from __future__ import annotations

from collections.abc import Callable

from emeth_tui.engine.context import Context
from emeth_tui.engine.money.terms import cost_by_rules_wei
from emeth_tui.model import SECONDS_PER_DAY
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import LossLimitReached
from emeth_tui.store import key_values


class LossLimit:
    """Pauses claiming on a day (UTC) that has cost too much, and resumes it on the next."""

    def __init__(
        self, context: Context, *, pause: Callable[[Reason], None], resume: Callable[[], None]
    ) -> None:
        self._context = context
        self._pause = pause
        self._resume = resume

    def look(self, paused: Reason | None) -> None:
        """Pause or resume, where that is due; `paused` is why claiming is paused now."""
        limit_wei = self._context.settings.limits.max_lost_wei
        lost_wei = self._lost_wei()
        counted_wei = lost_wei - self._accepted_wei()
        is_reached = limit_wei is not None and counted_wei > 0 and counted_wei >= limit_wei
        if isinstance(paused, LossLimitReached) and not is_reached:
            self._resume()
        elif paused is None and limit_wei is not None and is_reached:
            self._pause(LossLimitReached(lost_wei, limit_wei))

    def accept(self) -> None:
        """Count from now on only what is lost after what the day has cost so far."""
        self._context.store.key_values.set(key_values.LOSSES_ACCEPTED, f"{self._today} {self._lost_wei()}")

    def _lost_wei(self) -> int:
        """Return what the day has cost, with what was seen to be lost and is not final yet."""
        book, rates = self._context.book, self._context.rates
        ended_wei = sum(job.lost_wei for job in book.ended_today())
        seen = [(job, job.seen_end) for job in book.open_jobs() if job.seen_end is not None]
        return ended_wei + sum(cost_by_rules_wei(rates, job.deposit_wei, end) for job, end in seen)

    def _accepted_wei(self) -> int:
        day, _, wei = (self._context.store.key_values.get(key_values.LOSSES_ACCEPTED) or "").partition(" ")
        return int(wei) if day == str(self._today) else 0

    @property
    def _today(self) -> int:
        return int(self._context.clock.now_unix_s()) // SECONDS_PER_DAY
