"""Hours of the week: read from text, and evaluated by a wall clock.

Each minute counts as the wall clock shows it. Where clocks are put forward, hours that fall into the gap are
left out; where they are put back, the minutes that are shown twice count twice.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from emeth_tui.schedule.zone import MINUTES_PER_DAY, Offset, steady_spans

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_S = 30 * 86_400  # nothing further ahead is considered
_WEEK_MINUTES = 7 * MINUTES_PER_DAY
_WEEK_S = _WEEK_MINUTES * 60
_EPOCH_WEEKDAY_S = 3 * 86_400  # 1970-01-01 was a Thursday
_DAY = "|".join(DAYS)
_ENTRY = re.compile(
    rf"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))?)?\s*"
    r"(?:(?P<from_h>\d\d?):(?P<from_m>\d\d)\s*-\s*(?P<to_h>\d\d?):(?P<to_m>\d\d))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class WeekHours:
    """Hours of a week as spans of its minutes, from Monday 00:00: in order, apart from each other."""

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, entries: Iterable[str]) -> WeekHours:
        """Read hours such as `mon-fri 22:00-06:00`, `sat` or `20:00-07:00`; none at all are all hours.

        A span that ends on the next day belongs to the day on which it begins. Raise ValueError with the
        entry that is not understood.
        """
        spans = [span for entry in entries for span in _spans_of(entry)]
        return cls(_merged(spans)) if spans else ALL_HOURS

    @property
    def is_always(self) -> bool:
        return self.spans == ALL_HOURS.spans

    @property
    def share_of_week(self) -> float:
        return sum(end - start for start, end in self.spans) / _WEEK_MINUTES


ALL_HOURS = WeekHours(((0, _WEEK_MINUTES),))


def minute_of_day(text: str) -> int:
    """Read a time of day, 00:00 to 23:59. Raise ValueError."""
    match = re.fullmatch(r"(\d\d?):(\d\d)", text.strip())
    if match is None:
        raise ValueError(text)
    minute = _minute(match[1], match[2], text)
    if minute == MINUTES_PER_DAY:
        raise ValueError(text)
    return minute


def _spans_of(entry: str) -> Iterator[tuple[int, int]]:
    match = _ENTRY.fullmatch(entry.strip())
    if match is None or not entry.strip():
        raise ValueError(entry)
    first, last = match["first"], match["last"]
    begin = DAYS.index(first.lower()) if first else 0
    end = DAYS.index((last or first).lower()) if first else 6
    start, length = _times_of(match, entry)
    for day in range(begin, end + 1 if end >= begin else end + 8):
        opens = day % 7 * MINUTES_PER_DAY + start
        yield opens, min(opens + length, _WEEK_MINUTES)
        if opens + length > _WEEK_MINUTES:
            yield 0, opens + length - _WEEK_MINUTES


def _times_of(match: re.Match[str], entry: str) -> tuple[int, int]:
    """Return when a day's span begins, in minutes, and how long it is."""
    if match["from_h"] is None:
        return 0, MINUTES_PER_DAY
    start = _minute(match["from_h"], match["from_m"], entry)
    end = _minute(match["to_h"], match["to_m"], entry)
    if start in {end, MINUTES_PER_DAY}:
        raise ValueError(entry)
    return start, end - start if end > start else end + MINUTES_PER_DAY - start


def _minute(hours: str, minutes: str, entry: str) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > MINUTES_PER_DAY:
        raise ValueError(entry)
    return minute


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


@dataclass(frozen=True, slots=True)
class Timetable:
    """Hours of the week by one wall clock. Times are Unix times in seconds."""

    hours: WeekHours
    offset: Offset

    def is_open(self, at: float) -> bool:
        minute = (at + self.offset(at) + _EPOCH_WEEKDAY_S) % _WEEK_S / 60
        return any(start <= minute < end for start, end in self.hours.spans)

    def next_change(self, after: float) -> float | None:
        """Return when the hours next begin or end; None if that is not within the horizon."""
        if self.hours.is_always:
            return None
        window = next(self.windows(after, after + HORIZON_S), None)
        if window is None:
            return None
        opens, closes = window
        change = opens if opens > after else closes
        return change if change < after + HORIZON_S else None

    def end_of(self, start: float, work_s: float) -> float:
        """Return when work is done that begins at `start` and goes on within the hours alone.

        Beyond the horizon it goes on at a week's mean pace, which may be up to a week off.
        """
        if self.hours.is_always:
            return start + work_s
        left_s = work_s
        for opens, closes in self.windows(start, start + HORIZON_S):
            if left_s <= closes - opens:
                return opens + left_s if left_s > 0 else start
            left_s -= closes - opens
        return start + HORIZON_S + left_s / self.hours.share_of_week

    def windows(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Yield the spans between two times that are within the hours, one after the other."""
        current: tuple[float, float] | None = None
        for opens, closes in self._pieces(start, end):
            if current is not None and opens <= current[1]:
                current = (current[0], closes)
                continue
            if current is not None:
                yield current
            current = (opens, closes)
        if current is not None:
            yield current

    def _pieces(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        for span in steady_spans(self.offset, start, end):
            monday = math.floor((span.start + span.offset_s + _EPOCH_WEEKDAY_S) / _WEEK_S) * _WEEK_S
            for week in itertools.count():
                first_s = monday + week * _WEEK_S - _EPOCH_WEEKDAY_S - span.offset_s  # Monday 00:00
                if first_s >= span.end:
                    break
                for opens, closes in self.hours.spans:
                    piece = max(first_s + opens * 60, span.start), min(first_s + closes * 60, span.end)
                    if piece[0] < piece[1]:
                        yield piece
