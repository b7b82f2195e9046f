"""Writing settings: comments and order stay as the user left them, and the file is whole at every moment."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from emeth_tui.errors import SettingsError
from emeth_tui.files import write_atomically
from emeth_tui.settings.loading import parse_toml

_HEADER = re.compile(r"^\s*\[")


def edit_toml(text: str, changes: Mapping[str, object], source: str) -> str:
    """Change settings in a file's text, by dotted key; None takes one out, so that its default holds.

    A key that stands there commented out, as in the example file, is set where it stands. Raises
    SettingsError when the text is not TOML or a table that is needed is something else.
    """
    parse_toml(text, source)
    for dotted, value in changes.items():
        text = _take_out(text, dotted) if value is None else _set(text, dotted, value, source)
    return text


def write_settings(path: Path, text: str) -> None:
    """Put a text in the settings file's place, mode 0600, whole or not at all. Raises SettingsError."""
    target = path.resolve()  # a link stays a link
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(target, text.encode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error


def toml_value(value: object) -> object:
    """Give a setting's value as TOML can hold it: a path as text, a decimal as a number if that is exact."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) < 2**63:
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    return value


def _set(text: str, dotted: str, value: object, source: str) -> str:
    document = tomlkit.parse(_with_a_place(text, dotted))
    *sections, key = dotted.split(".")
    table: Any = document
    for section in sections:
        if section not in table:
            table[section] = tomlkit.table()
        table = table[section]
        if not isinstance(table, dict):
            raise SettingsError(f"{source}: {section}: is a value; {dotted} needs it to be a table")
    _put(table, key, toml_value(value))
    return tomlkit.dumps(document)


def _put(table: Any, key: str, value: object) -> None:
    """Set a key, and keep the comment that stands behind it."""
    new = tomlkit.item(value)
    if isinstance(old := table.get(key), Item):
        new.trivia.comment_ws, new.trivia.comment = old.trivia.comment_ws, old.trivia.comment
    table[key] = new


def _take_out(text: str, dotted: str) -> str:
    document = tomlkit.parse(text)
    *sections, key = dotted.split(".")
    table: Any = document
    for section in sections:
        table = table.get(section) if isinstance(table, dict) else None
    if isinstance(table, dict) and key in table:
        del table[key]
    return tomlkit.dumps(document)


def _with_a_place(text: str, dotted: str) -> str:
    """Make a line for a new key in its table: the commented one, else after the last key, else the first.

    Where that would say something else than it should, the text stays as it is and the key goes to the end.
    """
    tables = parse_toml(text, "")
    section, _, key = dotted.rpartition(".")
    table = tables.get(section) if section else tables
    if not isinstance(table, dict) or key in table:
        return text
    lines = text.splitlines(keepends=True)
    start, end = _lines_of_table(lines, section)
    place, replaced = _place(lines, start, end, key)
    ready = "".join([*lines[:place], f"{key} = 0\n", *lines[place + replaced :]])
    table[key] = 0
    with contextlib.suppress(SettingsError, TOMLKitError):
        if parse_toml(ready, "") == tables:
            tomlkit.parse(ready)
            return ready
    return text


def _lines_of_table(lines: list[str], section: str) -> tuple[int, int]:
    """Tell where a table's lines are; the top of the file is the table without a name."""
    start = 0
    if section:
        header = re.compile(rf"^\s*\[\s*{re.escape(section)}\s*\]")
        start = next((index + 1 for index, line in enumerate(lines) if header.match(line)), len(lines))
    end = next((index for index in range(start, len(lines)) if _HEADER.match(lines[index])), len(lines))
    return start, end


def _place(lines: list[str], start: int, end: int, key: str) -> tuple[int, int]:
    """Choose the line for a key, and how many lines it replaces."""
    commented = re.compile(rf"^#\s*{re.escape(key)}\s*=")
    after = start
    for index in range(start, end):
        if commented.match(lines[index]):
            return index, 1
        if re.match(r"^\s*[\w\"'.-]+\s*=", lines[index]):
            after = index + 1
    return after, 0
