"""A settings file's text, and where it is not TOML. Errors show none of its lines: secrets may be in them."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

from emeth_tui.errors import SettingsError
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import settings as why
from emeth_tui.notices.reasons.files import NotUtf8, Unreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")
# How the reader's messages begin where a key or a table comes a second time.
_TWICE = ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine", "Duplicate")


def read_text(path: Path) -> str:
    """Read a settings file's text, without a byte-order mark. Raise SettingsError."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(why.NoSettingsFile(path)) from None
    except OSError as error:
        raise SettingsError(Unreadable(path, system_text(error))) from error
    except UnicodeDecodeError:
        raise SettingsError(NotUtf8(path)) from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse a settings file's text. Raise SettingsError naming `source`."""
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise SettingsError(why.InFile(source, why.TomlTooDeep())) from None
    except ValueError as error:  # TOMLDecodeError, or Python's own for a number of thousands of digits
        raise SettingsError(why.InFile(source, _problem(text, str(error)))) from None
    return tables


def _problem(text: str, message: str) -> Reason:
    lines = text.split("\n")
    position = _POSITION.search(message)
    line, column = (int(position[1]), int(position[2])) if position else (len(lines), 0)
    if message.startswith(_TWICE):
        return why.TomlTwice(line)
    if position is None:
        return why.TomlBreaksOff() if "end of document" in message else why.TomlNumberTooLong()
    character = lines[line - 1][column - 1 : column]
    if character and not character.isascii():
        return why.TomlStrayCharacter(line, column, _described(character))
    return why.NotToml(line, column)


def _described(character: str) -> str:
    """Return a character's code point and name: many look like another, or like nothing."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
