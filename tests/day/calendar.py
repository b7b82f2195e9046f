"""Which day is played: the next on which clocks change, by the time of a zone that changes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
_NOON = 12


def noon_before_change(after_unix_s: float) -> float:
    """Return the noon before the next night in which the zone's clocks are changed, in unix seconds."""
    noon = datetime.fromtimestamp(after_unix_s, ZoneInfo(ZONE)).replace(
        hour=_NOON, minute=0, second=0, microsecond=0
    ) + timedelta(days=1)
    while noon.utcoffset() == (noon + timedelta(days=1)).utcoffset():
        noon += timedelta(days=1)
    return noon.timestamp()


def next_noon(noon_unix_s: float) -> float:
    """Return the noon of the next day: 23, 24 or 25 hours later."""
    return (datetime.fromtimestamp(noon_unix_s, ZoneInfo(ZONE)) + timedelta(days=1)).timestamp()


def hour_of(unix_s: float) -> float:
    """Return the hour that clocks on the wall show, such as 22.5."""
    shown = datetime.fromtimestamp(unix_s, ZoneInfo(ZONE))
    return shown.hour + shown.minute / 60
