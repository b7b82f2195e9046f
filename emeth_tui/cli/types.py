"""The types of values that several options take."""

from __future__ import annotations

from pathlib import Path

import click

from emeth_tui.words.translation import LANGUAGES

FILE = click.Path(dir_okay=False, path_type=Path)
DIRECTORY = click.Path(file_okay=False, path_type=Path)
LANGUAGE = click.Choice(LANGUAGES)
