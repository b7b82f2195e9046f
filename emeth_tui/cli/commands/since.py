"""Moments as they are typed: `7d`, `12h`, `30m`, or a date in UTC."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Any

import click

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


class Moment(click.ParamType[float]):
    """A time: so long ago, or a date."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if match := _AGO.fullmatch(value.strip().lower()):
            return time.time() - int(match[1]) * _SECONDS[match[2]]
        try:
            moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is neither so long ago (30m, 12h, 7d) nor a date (2026-11-28)", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


SINCE = click.option(
    "--since", type=Moment(), metavar="D", help="Only since then: 30m, 12h, 7d or a date in UTC."
)
