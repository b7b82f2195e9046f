"""The types of values that several options take."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from emeth_tui.words.translation import LANGUAGES


class UserPath(click.Path):
    """A path as the settings take one: `~` is expanded, `$VARIABLES` are refused."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from emeth_tui.settings.problems import InvalidSetting  # late: --help needs no settings
        from emeth_tui.settings.values import user_path
        from emeth_tui.words.sentences import english

        try:
            path = user_path(Path(value))
        except InvalidSetting as error:
            self.fail(english(error.reason), param, ctx)
        super().convert(str(path), param, ctx)
        return path


FILE = UserPath(dir_okay=False)
DIRECTORY = UserPath(file_okay=False)
LANGUAGE = click.Choice(LANGUAGES)

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
