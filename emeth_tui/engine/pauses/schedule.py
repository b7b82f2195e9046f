"""The owner's hours: what they allow now, until when, and how long work takes that waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from emeth_tui.engine.estimates.durations import NEEDS_NO_DEVICE, Duration, Phase
from emeth_tui.engine.estimates.ranges import NOTHING, Range
from emeth_tui.engine.pauses.view import Coming
from emeth_tui.errors import SettingsError
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.pauses import hours as why
from emeth_tui.notices.reasons.pauses.by_hand import NotATimeOfDay
from emeth_tui.schedule.week import Timetable, WeekHours, minute_of_day
from emeth_tui.schedule.zone import Offset, local_text, next_showing, offset_in, zone_name
from emeth_tui.settings.sections import ScheduleSettings


@dataclass(frozen=True, slots=True)
class _Tables:
    """The settings' hours, read."""

    settings: ScheduleSettings
    offset: Offset
    claims: Timetable
    training: Timetable
    devices: dict[str, Timetable]

    @classmethod
    def of(cls, settings: ScheduleSettings) -> _Tables:
        offset = offset_in(settings.time_zone)
        by_device: dict[str, list[str]] = {}
        for entry in settings.devices:
            device, _, hours = entry.partition(" ")
            by_device.setdefault(device, []).append(hours)
        return cls(
            settings,
            offset,
            Timetable(WeekHours.of(settings.claims), offset),
            Timetable(WeekHours.of(settings.training), offset),
            {device: Timetable(WeekHours.of(hours), offset) for device, hours in by_device.items()},
        )


class Schedule:
    """Answers by the settings in effect; `now` is the time by which deadlines are judged."""

    def __init__(self, settings: Callable[[], ScheduleSettings], now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._read = _Tables.of(settings())

    @property
    def _tables(self) -> _Tables:
        settings = self._settings()
        if settings is not self._read.settings:
            self._read = _Tables.of(settings)
        return self._read

    def hours_of(self, device: str) -> Timetable:
        """Return the hours in which a device trains."""
        return self._tables.devices.get(device, self._tables.training)

    def why_no_claims(self) -> Reason | None:
        """Return that no jobs are taken at this hour, None when they are."""
        return self._closed(self._tables.claims, why.ClaimingHoursOver)

    def why_held(self, device: str) -> Reason | None:
        """Return that a device does not train at this hour, None when it does."""
        return self._closed(self.hours_of(device), why.TrainingHoursOver)

    def local(self, unix_s: float) -> str:
        """Show a moment by the owner's clock."""
        return local_text(self._tables.settings.time_zone, unix_s)

    @property
    def zone_name(self) -> str:
        """Name the zone of the owner's clock: as the settings do, or what this machine calls its own."""
        return self._tables.settings.time_zone or zone_name("", self._now())

    def pause_end(self, for_s: int | None, until: str) -> float | None:
        """Return when a pause ends that is to last so long, or until a time of day; None for an open end.

        Raise SettingsError for an invalid time of day.
        """
        if for_s is not None:
            return self._now() + for_s
        if not until:
            return None
        try:
            minute = minute_of_day(until)
        except ValueError:
            raise SettingsError(NotATimeOfDay(until)) from None
        return next_showing(self._tables.offset, minute, self._now())

    def as_scheduled(self, needed: Duration, device: str, start: float | None = None) -> Duration:
        """Return how long work takes that waits for a device's hours, and begins at `start` or now.

        Only what the device does waits: downloads and uploads go on at any hour. The phases stay as they
        are: they are work, and waiting is none.
        """
        hours, now = self.hours_of(device), self._now()
        begins = max(now, start or now)
        if hours.hours.is_always and begins == now:
            return needed
        before, after = _transfers(needed)
        ends = [
            hours.end_of(begins + download_s, max(0.0, total_s - download_s - upload_s)) + upload_s - now
            for total_s, download_s, upload_s in (
                (needed.low_s, before.low, after.low),
                (needed.expected_s, before.expected, after.expected),
                (needed.high_s, before.high, after.high),
            )
        ]
        return replace(needed, low_s=ends[0], expected_s=ends[1], high_s=ends[2])

    def coming(self, devices: Iterable[str]) -> list[Coming]:
        """Return the next change of claiming and of each device, where there is one; the soonest first."""
        now, changes = self._now(), []
        if (at := self._tables.claims.next_change(now)) is not None:
            kind = why.ClaimingStops if self._tables.claims.is_open(now) else why.ClaimingStarts
            changes.append(Coming(at, kind(self.local(at))))
        for device in dict.fromkeys(devices):
            hours = self.hours_of(device)
            if (at := hours.next_change(now)) is not None:
                turns = why.DeviceStops if hours.is_open(now) else why.DeviceStarts
                changes.append(Coming(at, turns(device, self.local(at))))
        return sorted(changes, key=lambda change: change.at_unix_s)

    def _closed(
        self, hours: Timetable, kind: type[why.ClaimingHoursOver | why.TrainingHoursOver]
    ) -> Reason | None:
        now = self._now()
        if hours.is_open(now):
            return None
        until = hours.next_change(now)
        return kind(0, "–") if until is None else kind(round(until), self.local(until))


def _transfers(needed: Duration) -> tuple[Range, Range]:
    """Return the time of what comes before the device is needed and of what comes after it."""
    known = {phase.phase: phase.seconds for phase in needed.phases if phase.phase in NEEDS_NO_DEVICE}
    return known.get(Phase.DOWNLOAD, NOTHING), known.get(Phase.UPLOAD, NOTHING)
