"""Hours of the week, held against a clock that is looked at minute by minute."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.schedule.week import ALL_HOURS, DAYS, HORIZON_S, Timetable, WeekHours, minute_of_day
from emeth_tui.schedule.zone import local_text, next_showing, offset_in, zone_name

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# 2026: clocks in Berlin go forward on March 29 and back on October 25, at 01:00 UTC.
SPRING = datetime(2026, 3, 29, 1, tzinfo=timezone.utc).timestamp()
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=timezone.utc).timestamp()
DAY_S = 86_400

clock_times = st.integers(0, 1_439).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")
spans = st.tuples(clock_times, clock_times).filter(lambda pair: pair[0] != pair[1]).map("-".join)
day_names = st.one_of(
    st.just(""), st.sampled_from(DAYS), st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map("-".join)
)
entries = st.lists(
    st.tuples(day_names, spans).map(lambda both: " ".join(both).strip()), min_size=1, max_size=4
)
moments = st.one_of(
    st.integers(1_700_000_000, 1_900_000_000),
    st.integers(-2 * DAY_S, 2 * DAY_S).map(lambda s: int(SPRING) + s),
    st.integers(-2 * DAY_S, 2 * DAY_S).map(lambda s: int(AUTUMN) + s),
)


def timetable(*hours: str, zone: str = "Europe/Berlin") -> Timetable:
    return Timetable(WeekHours.of(hours), offset_in(zone))


def shown(zone: str, unix_s: float) -> tuple[int, int]:
    """Return weekday and minute of the day as the calendar of Python's own library says."""
    local = datetime.fromtimestamp(unix_s, ZoneInfo(zone))
    return local.weekday(), local.hour * 60 + local.minute


def is_in(entry: str, weekday: int, minute: int) -> bool:
    """Whether an entry holds a minute, by the plainest reading of it."""
    days, _, times = entry.rpartition(" ")
    first, _, last = (days or "mon-sun").partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    held = {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    opens, closes = (int(time[:2]) * 60 + int(time[3:]) for time in times.split("-"))
    if opens < closes:
        return weekday in held and opens <= minute < closes
    return (weekday in held and minute >= opens) or ((weekday - 1) % 7 in held and minute < closes)


@pytest.mark.slow
@given(entries, st.sampled_from(ZONES), moments)
def test_it_is_open_when_an_entry_holds_what_the_clock_shows(
    hours: list[str], zone: str, moment: int
) -> None:
    weekday, minute = shown(zone, moment)
    expected = any(is_in(entry, weekday, minute) for entry in hours)

    assert timetable(*hours, zone=zone).is_open(moment) == expected


@pytest.mark.slow
@given(entries, st.sampled_from(ZONES), moments)
def test_nothing_changes_before_the_next_change(hours: list[str], zone: str, moment: int) -> None:
    table = timetable(*hours, zone=zone)
    change = table.next_change(moment)
    now = table.is_open(moment)

    ahead = range(moment - moment % 60, moment + 9 * DAY_S, 60)
    differs = next((at for at in ahead if at > moment and table.is_open(at) != now), None)

    assert change == differs or (differs is None and (change is None or change >= moment + 9 * DAY_S - 60))


@pytest.mark.slow
@given(entries, st.sampled_from(ZONES), moments, st.integers(0, 3 * DAY_S))
def test_work_takes_as_many_open_seconds_as_it_needs(
    hours: list[str], zone: str, moment: int, work_s: int
) -> None:
    table = timetable(*hours, zone=zone)
    end = table.end_of(moment, work_s)
    worked_s = sum(closes - opens for opens, closes in table.windows(moment, end))

    if end < moment + HORIZON_S:
        assert worked_s == pytest.approx(work_s)
    assert end >= moment + work_s


@pytest.mark.parametrize(("hours", "work_h"), [("22:00-23:00", 40), ("mon 08:00-20:00", 400)])
def test_work_beyond_the_horizon_waits_for_its_hours_as_well(hours: str, work_h: int) -> None:
    table = timetable(hours, zone="UTC")

    end = table.end_of(SPRING, work_h * 3_600)

    worked_s = sum(closes - opens for opens, closes in table.windows(SPRING, end))
    worked_in_a_week_s = sum(closes - opens for opens, closes in table.windows(SPRING, SPRING + 7 * DAY_S))
    assert end > SPRING + HORIZON_S
    assert worked_s == pytest.approx(work_h * 3_600, abs=worked_in_a_week_s)


@given(entries, st.sampled_from(ZONES), moments, st.integers(0, 3 * DAY_S), st.integers(0, DAY_S))
def test_more_work_never_ends_sooner(
    hours: list[str], zone: str, moment: int, work_s: int, more_s: int
) -> None:
    table = timetable(*hours, zone=zone)

    assert table.end_of(moment, work_s + more_s) - more_s >= table.end_of(moment, work_s) - 1e-6


@given(st.sampled_from(ZONES), moments, st.integers(0, 1_439))
def test_a_clock_shows_a_minute_next_when_it_first_has_come_to_it(
    zone: str, moment: int, minute: int
) -> None:
    at = next_showing(offset_in(zone), minute, moment)

    ahead = (second for second in range(moment - moment % 60, int(at) + 1, 60) if second > moment)
    first = next((second for second in ahead if shown(zone, second)[1] == minute), None)
    if first is None:  # clocks were put forward over it
        before, after = shown(zone, at - 60)[1], shown(zone, at)[1]
        assert before < minute < after
    else:
        assert at == first


def test_a_minute_that_clocks_jump_over_is_when_they_do() -> None:
    berlin = offset_in("Europe/Berlin")

    assert next_showing(berlin, 2 * 60 + 30, SPRING - 3_600) == SPRING
    assert next_showing(berlin, 2 * 60 + 30, AUTUMN - 7_200) == AUTUMN - 1_800  # shown twice: the first time


def test_hours_that_clocks_jump_over_are_left_out_and_those_shown_twice_count_twice() -> None:
    in_the_gap = timetable("02:00-03:00")

    assert not in_the_gap.is_open(SPRING)
    assert in_the_gap.end_of(SPRING - 1_800, 60) == SPRING - 1_800 + 60 + 23.5 * 3_600
    assert list(in_the_gap.windows(AUTUMN - 7_200, AUTUMN + 7_200)) == [(AUTUMN - 3_600, AUTUMN + 3_600)]


def test_a_night_is_an_hour_shorter_or_longer_when_clocks_are_changed() -> None:
    night = timetable("22:00-06:00")
    lengths = [
        next(closes - opens for opens, closes in night.windows(day - 43_200, day + 43_200))
        for day in (SPRING - 7 * DAY_S, SPRING, AUTUMN)
    ]

    assert lengths == [8 * 3_600, 7 * 3_600, 9 * 3_600]


def test_a_night_from_sunday_goes_on_into_monday() -> None:
    assert WeekHours.of(["sun 22:00-06:00"]).spans == ((0, 360), (6 * 1_440 + 1_320, 7 * 1_440))


def test_days_may_pass_over_the_end_of_the_week_and_spans_may_touch() -> None:
    assert WeekHours.of(["sat-mon"]).spans == ((0, 1_440), (5 * 1_440, 7 * 1_440))
    assert WeekHours.of(["00:00-12:00", "12:00-24:00"]) == ALL_HOURS
    assert WeekHours.of([]) is ALL_HOURS


@pytest.mark.parametrize(
    "entry",
    ["", "monday", "mon 8-9", "mon 25:00-26:00", "24:00-01:00", "08:00-08:00", "mon 08:60-09:00", "mon,tue"],
)
def test_what_is_not_understood_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):
        WeekHours.of([entry])


@pytest.mark.parametrize("text", ["7", "24:00", "12:60", "x", ""])
def test_a_time_of_day_is_of_the_clock(text: str) -> None:
    with pytest.raises(ValueError):
        minute_of_day(text)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "/etc/localtime", "Europe", "../x"])
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ValueError):
        offset_in(zone)


def test_hours_that_never_begin_or_never_end_do_not_change() -> None:
    assert Timetable(ALL_HOURS, offset_in("")).next_change(SPRING) is None
    assert Timetable(WeekHours(()), offset_in("UTC")).next_change(SPRING) is None


def test_a_moment_is_shown_by_the_wall_clock() -> None:
    assert local_text("Europe/Berlin", SPRING - 1) == "03-29 01:59 CET"
    assert local_text("Europe/Berlin", SPRING) == "03-29 03:00 CEST"
    assert local_text("UTC", SPRING) == "03-29 01:00"
    assert local_text("Etc/UTC", SPRING) == "03-29 01:00"


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Asia/Tokyo", "JST"),
        ("Asia/Kathmandu", "+05:45"),
        ("America/Sao_Paulo", "-03:00"),
        ("Africa/Abidjan", "UTC"),
    ],
)
def test_a_zone_without_a_name_of_its_own_is_called_by_its_offset(zone: str, name: str) -> None:
    assert zone_name(zone, SPRING) == name


@pytest.mark.parametrize(
    ("variable", "name"), [("JST-9", "JST"), ("<+0545>-5:45", "+05:45"), ("UTC-9", "+09:00"), ("UTC", "UTC")]
)
def test_this_machines_zone_is_named_as_well(
    variable: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", variable)
        time.tzset()
        shown = zone_name("", SPRING)
    time.tzset()
    assert shown == name
