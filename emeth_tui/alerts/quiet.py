"""The hours in which nobody is to be disturbed."""

from __future__ import annotations

from collections.abc import Callable

from emeth_tui.schedule.week import Timetable, WeekHours
from emeth_tui.schedule.zone import offset_in
from emeth_tui.settings import Settings


class QuietHours:
    """Answers by the settings in effect and the clock that deadlines are judged by."""

    def __init__(self, settings: Callable[[], Settings], now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._read: tuple[tuple[str, ...], str] | None = None
        self._table: Timetable | None = None

    def now(self) -> bool:
        """Whether it is quiet now; without any hours it never is."""
        settings = self._settings()
        wanted = tuple(settings.alerts.quiet_hours), settings.schedule.time_zone
        if wanted != self._read:
            hours, zone = wanted
            self._read = wanted
            self._table = Timetable(WeekHours.of(hours), offset_in(zone)) if hours else None
        return self._table is not None and self._table.is_open(self._now())
