"""Changing the settings file: comments and order stay as the user left them; the file is written whole."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import SecretStr
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from emeth_tui.errors import SettingsError
from emeth_tui.files import write_atomically
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.files import Unwritable
from emeth_tui.notices.reasons.settings import InFile, NotEditable, TableExpected
from emeth_tui.settings.toml_text import parse_toml

_EDIT_ERRORS = (SettingsError, TOMLKitError, ValueError)  # tomlkit's inline tables raise the last
_HEADER = re.compile(r"^\s*\[")


def edit_toml(text: str, changes: Mapping[str, object], source: str) -> str:
    """Return a file's text with settings changed by dotted key; None removes one.

    A key that is commented out, as in the example file, is set in that place. Raise SettingsError when the
    text is not TOML, a needed table is something else, or other settings would change.
    """
    parse_toml(text, source)
    for dotted, value in changes.items():
        text = _remove(text, dotted, source) if value is None else _set(text, dotted, value, source)
    return text


def write_settings(path: Path, text: str) -> None:
    """Write the settings file, mode 0600, whole or not at all; it stays its owner's. Raise SettingsError."""
    target = path.resolve()  # a link stays a link
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        before = target.stat() if target.exists() else None
        write_atomically(target, text.encode())
        if before is not None and os.geteuid() == 0:  # sudo: the node's user has to read it
            os.chown(target, before.st_uid, before.st_gid)
    except OSError as error:
        raise SettingsError(Unwritable(path, system_text(error))) from error


def toml_value(value: object) -> object:
    """Return a setting's value as TOML can hold it: paths as text, decimals as numbers where exact."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) < 2**63:
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    return value


def _set(text: str, dotted: str, value: object, source: str) -> str:
    *sections, key = dotted.split(".")
    line = tomlkit.dumps({key: toml_value(value)})
    wanted = table = parse_toml(text, source)
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise SettingsError(InFile(source, TableExpected(section, dotted)))
    table.update(parse_toml(line, source))
    for edit in (partial(_set_in_place, text, dotted, value), partial(_set_apart, text, sections, line)):
        with contextlib.suppress(*_EDIT_ERRORS):
            if parse_toml(edited := edit(), source) == wanted:
                return edited
    raise SettingsError(InFile(source, NotEditable(dotted, ".".join(sections))))


def _set_in_place(text: str, dotted: str, value: object) -> str:
    document = tomlkit.parse(_with_line_for(text, dotted))
    *sections, key = dotted.split(".")
    table: Any = document
    for section in sections:
        if section not in table:
            table[section] = tomlkit.table()  # above dotted keys, which it would then hold
        table = table[section]
    _put(table, key, toml_value(value))
    return tomlkit.dumps(document)


def _set_apart(text: str, sections: list[str], line: str) -> str:
    """Set a key in a new table at the end; one of no table at the top."""
    return f"{text.rstrip()}\n\n[{tomlkit.key(sections).as_string()}]\n{line}" if sections else line + text


def _put(table: Any, key: str, value: object) -> None:
    """Set a key and keep the comment at the end of its line."""
    new = tomlkit.item(value)
    if isinstance(old := table.get(key), Item):
        new.trivia.comment_ws, new.trivia.comment = old.trivia.comment_ws, old.trivia.comment
    table[key] = new


def _remove(text: str, dotted: str, source: str) -> str:
    *sections, key = dotted.split(".")
    table: Any = parse_toml(text, source)
    for section in sections:
        table = table.get(section) if isinstance(table, dict) else None
    if not isinstance(table, dict) or key not in table:
        return text
    document = table = tomlkit.parse(text)
    for section in sections:
        table = table[section]
    said = ""
    if not isinstance(table[key], dict):
        table[key] = 0  # of `true`, tomlkit does not show what stands beside it
        said = table[key].trivia.comment
    del table[key]
    return _with_comment(text, tomlkit.dumps(document), said)


def _with_comment(before: str, text: str, comment: str) -> str:
    """Return a text with a comment in the place of the line at whose end it stood."""
    if not comment:
        return text
    lines = text.splitlines(keepends=True)
    pairs = enumerate(zip(before.splitlines(keepends=True), lines, strict=False))
    place = next((index for index, (was, now) in pairs if was != now), len(lines))
    return "".join([*lines[:place], f"{comment}\n", *lines[place:]])


def _with_line_for(text: str, dotted: str) -> str:
    """Return the text with a line for a new key: the commented one, else below the table's last key.

    Where such a line would change the meaning, return the text as it is: the key then goes to the end.
    """
    tables = parse_toml(text, "")
    section, _, key = dotted.rpartition(".")
    table = tables.get(section) if section else tables
    if not isinstance(table, dict) or key in table:
        return text
    lines = text.splitlines(keepends=True)
    start, end = _lines_of_table(lines, section)
    line, replaced = _line_for(lines, start, end, key)
    ready = "".join([*lines[:line], f"{key} = 0\n", *lines[line + replaced :]])
    table[key] = 0
    with contextlib.suppress(SettingsError, TOMLKitError):
        if parse_toml(ready, "") == tables:
            tomlkit.parse(ready)
            return ready
    return text


def _lines_of_table(lines: list[str], section: str) -> tuple[int, int]:
    """Return where a table's lines begin and end; the top of the file is the table without a name."""
    start = 0
    if section:
        header = re.compile(rf"^\s*\[\s*{re.escape(section)}\s*\]")
        start = next((index + 1 for index, line in enumerate(lines) if header.match(line)), len(lines))
    end = next((index for index in range(start, len(lines)) if _HEADER.match(lines[index])), len(lines))
    return start, end


def _line_for(lines: list[str], start: int, end: int, key: str) -> tuple[int, int]:
    """Return the line for a key, and how many lines it replaces."""
    commented = re.compile(rf"^#\s*{re.escape(key)}\s*=")
    after = start
    for index in range(start, end):
        if commented.match(lines[index]):
            return index, 1
        if re.match(r"^\s*[\w\"'.-]+\s*=", lines[index]):
            after = index + 1
    return after, 0
