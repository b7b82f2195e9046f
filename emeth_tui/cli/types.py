"""The types of values that several options take."""

from __future__ import annotations

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
