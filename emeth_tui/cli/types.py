"""The types of values that several options take, and an option that several commands have."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from emeth_tui.model import token_to_wei
from emeth_tui.words.translation import LANGUAGES


class UserPath(click.Path):
    """A path as the settings take one: `~` is expanded, `$VARIABLES` are refused."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from emeth_tui.settings.basics import InvalidSetting, user_path
        from emeth_tui.words.sentences import english

        try:
            path = user_path(Path(value))
        except InvalidSetting as error:
            self.fail(english(error.reason), param, ctx)
        super().convert(str(path), param, ctx)
        return path


class Utf8Path(UserPath):
    """A whole path that is text: it goes into the database, to a node, or to libraries that take no other."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = super().convert(value, param, ctx).absolute()
        try:
            str(path).encode()
        except UnicodeEncodeError:
            self.fail(f"the path {str(path)!r} is not UTF-8: rename or link to what is not", param, ctx)
        return path


FILE = UserPath(dir_okay=False)
DIRECTORY = UserPath(file_okay=False)
LANGUAGE = click.Choice(LANGUAGES)
COUNT = click.IntRange(0, 1_000_000)  # of rows or lines; a database takes no number without a bound
VERIFICATION = click.option(
    "--verification",
    type=click.Choice(["chain", "loss", "replay"]),
    default="chain",
    show_default=True,
    help="How results are verified: docs/verification.md.",
)

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


class Emt(click.ParamType[int]):
    """An amount of EMT, in wei."""

    name = "emt"

    def __init__(self, least_wei: int = 1) -> None:
        self._least_wei = least_wei

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            wei = token_to_wei(value)
        except ValueError:
            wei = -1
        if not self._least_wei <= wei < 2**256:
            self.fail(f"{value!r} is not an amount of EMT, such as 20 or 12.5", param, ctx)
        return wei


class Duration(click.ParamType[int]):
    """A length of time, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from emeth_tui.control.wire import MAX_PAUSE_S  # late: --help needs none of it

        if isinstance(value, int):
            return value
        text = value.strip().lower()
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in _AGO.findall(text))
        if not re.fullmatch(f"(?:{_AGO.pattern})+", text) or not 1 <= seconds <= MAX_PAUSE_S:
            self.fail(f"{value!r} is not a time from 1s to 30d, such as 30m, 2h or 1h30m", param, ctx)
        return seconds


class TimeOfDay(click.ParamType[str]):
    """A time of day, as the node's clock on the wall shows it."""

    name = "time of day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from emeth_tui.schedule.week import minute_of_day

        try:
            minute = minute_of_day(value)
        except ValueError:
            self.fail(f"{value!r} is not a time of day from 00:00 to 23:59", param, ctx)
        return f"{minute // 60:02d}:{minute % 60:02d}"


DURATION = Duration()
TIME_OF_DAY = TimeOfDay()

SINCE = click.option(
    "--since", type=Moment(), metavar="D", help="Only since then: 30m, 12h, 7d or a date in UTC."
)
