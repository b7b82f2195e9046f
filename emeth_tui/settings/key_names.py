"""The names of keys in the settings: `x`, `f5`, `ctrl+x`."""

from __future__ import annotations

from emeth_tui.notices.reasons.settings import NotAKey
from emeth_tui.settings.basics import InvalidSetting

_NAMES = frozenset(
    {
        "backspace",
        "delete",
        "down",
        "end",
        "enter",
        "escape",
        "home",
        "insert",
        "left",
        "pagedown",
        "pageup",
        "right",
        "space",
        "tab",
        "up",
        *(f"f{number}" for number in range(1, 13)),
    }
)


def checked_key(value: str) -> str:
    """Return a key's name if a terminal can send that key. Raise ValueError if it is no such name."""
    *modifiers, key = value.split("+") if len(value) > 1 else [value]
    with_ctrl = modifiers == ["ctrl"] and key.isascii() and key.islower() and len(key) == 1
    named = key in _NAMES and all(name in {"ctrl", "alt", "shift"} for name in modifiers)
    if with_ctrl or (named and len(modifiers) == len(set(modifiers))):
        return value
    if not modifiers and len(key) == 1 and key.isprintable() and not key.isspace():
        return value
    raise InvalidSetting(NotAKey())


def as_several(value: object) -> object:
    """Return a single key as a list of one."""
    return [value] if isinstance(value, str) else value
