"""Wall clocks: how far one is ahead of UTC, when that changes, and when it shows a time of day next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

MINUTES_PER_DAY = 1_440
_DAY_S = 86_400
_STEP_S = 21_600  # no zone changes its clock twice within six hours

Offset = Callable[[float], int]  # seconds that the wall clock is ahead of UTC at a Unix time


@dataclass(frozen=True, slots=True)
class SteadySpan:
    """A span of Unix time over which the wall clock runs on without a jump."""

    start: float
    end: float
    offset_s: int


def offset_in(time_zone: str) -> Offset:
    """Return the offset of a zone of the IANA database, or with "" of this machine's. Raise ValueError."""
    if not time_zone:
        return lambda unix_s: time.localtime(unix_s).tm_gmtoff
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, OSError) as error:  # there is none of that name, or it is a directory's
        raise ValueError(time_zone) from error
    return lambda unix_s: _offset_s(zone, unix_s)


def _offset_s(zone: ZoneInfo, unix_s: float) -> int:
    offset = datetime.fromtimestamp(unix_s, zone).utcoffset()
    assert offset is not None  # noqa: S101 - a zone's moment has one
    return round(offset.total_seconds())


def steady_spans(offset: Offset, start: float, end: float) -> Iterator[SteadySpan]:
    """Cut a span of time where the wall clock is put forward or back."""
    began, at, here = start, start, offset(start)
    while at < end:
        ahead = min(at + _STEP_S, end)
        if offset(ahead) == here:
            at = ahead
            continue
        jump = _jump(offset, at, ahead)
        yield SteadySpan(began, jump, here)
        began, at, here = jump, jump, offset(jump)
    if began < end:
        yield SteadySpan(began, end, here)


def _jump(offset: Offset, before: float, after: float) -> int:
    """Return the first whole second with another offset than the one `before`."""
    low, high, here = math.floor(before), math.ceil(after), offset(before)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == here else (low, middle)
    return high


def next_showing(offset: Offset, minute: int, after: float) -> float:
    """Return when the wall clock next shows a minute of the day, later than `after`.

    Where it is put forward over that minute, this is the moment at which it is.
    """
    wall_before: float | None = None
    for span in steady_spans(offset, after, after + 3 * _DAY_S):
        wall_start = span.start + span.offset_s
        if wall_before is not None and wall_before < _showing(minute, wall_before) <= wall_start:
            return span.start
        shown = _showing(minute, wall_start) - span.offset_s
        if shown < span.end:
            return shown
        wall_before = span.end + span.offset_s
    raise AssertionError("every clock shows every minute, or jumps over it, within three days")


def _showing(minute: int, after_wall_s: float) -> float:
    """Return the first time later than `after_wall_s` at which it is this minute of the day."""
    day = math.floor(after_wall_s / _DAY_S) * _DAY_S + minute * 60
    return day if day > after_wall_s else day + _DAY_S


def local_text(time_zone: str, unix_s: float) -> str:
    """Show a moment by a zone's wall clock, without its year: `11-29 07:00 CET`. UTC alone is not named."""
    name = zone_name(time_zone, unix_s)
    return f"{_on_the_wall(time_zone, unix_s):%m-%d %H:%M}" + ("" if name == "UTC" else f" {name}")


def zone_name(time_zone: str, unix_s: float) -> str:
    """Return what a zone is called at a moment: `CET`, or `-03:00` where it has no name of its own."""
    shown = _on_the_wall(time_zone, unix_s)
    if not shown.utcoffset():
        return "UTC"
    name = shown.tzname() or ""
    # TZ=UTC-9 calls itself UTC, and is nine hours ahead of it.
    return name if name.isalpha() and name != "UTC" else shown.isoformat(timespec="minutes")[16:]


def _on_the_wall(time_zone: str, unix_s: float) -> datetime:
    zone = ZoneInfo(time_zone) if time_zone else None  # None: this machine's
    return datetime.fromtimestamp(unix_s, timezone.utc).astimezone(zone)
