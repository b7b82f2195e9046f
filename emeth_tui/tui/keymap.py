"""Which keys do what: those of the table, with the settings' choices over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emeth_tui.errors import SettingsError
from emeth_tui.nearest import nearest_of
from emeth_tui.notices.reasons.screen import KeyTaken, UnknownAction
from emeth_tui.notices.reasons.settings import InFile
from emeth_tui.tui.actions import ACTIONS, BY_ID

if TYPE_CHECKING:
    from emeth_tui.settings import Settings
    from emeth_tui.tui.action import Action

_SHOWN = {
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "tab": "Tab",
    "backspace": "Backspace",
    "delete": "Delete",
    "insert": "Insert",
    "home": "Home",
    "end": "End",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "ctrl": "Ctrl",
    "alt": "Alt",
    "shift": "Shift",
}
_TEXTUAL_NAMES = {",": "comma", " ": "space"}  # in a list of keys, a comma separates them


class Keymap:
    """The keys of every action."""

    def __init__(self, changes: Mapping[str, Sequence[str]]) -> None:
        """Lay the settings' choices, by an action's id, over the table. Raise SettingsError."""
        for name in changes:
            _check_name(name)
        self._keys = {action.id: tuple(changes.get(action.id, action.keys.split())) for action in ACTIONS}
        for name in changes:
            self._check_clashes(BY_ID[name])
        self.changes = {name: _for_textual(keys) for name, keys in changes.items()}

    def keys_of(self, action: Action) -> tuple[str, ...]:
        """Return the keys of an action, the first one first."""
        return self._keys[action.id]

    def shown(self, action: Action) -> str:
        """Return an action's first key as the footer shows it."""
        return shown_key(self.keys_of(action)[0])

    def all_shown(self, actions: Sequence[Action]) -> str:
        """Return all keys of several actions as the help page shows them."""
        return " ".join(shown_key(key) for action in actions for key in self.keys_of(action))

    def _check_clashes(self, changed: Action) -> None:
        for other in ACTIONS:
            if other is changed or not changed.scope.overlaps(other.scope):
                continue
            for key in self.keys_of(changed):
                if key in self.keys_of(other):
                    raise SettingsError(KeyTaken(changed.id, key, other.id))


def check_keys(settings: Settings) -> None:
    """Raise SettingsError if the settings give keys to what there is not, or one key to two things."""
    try:
        Keymap(settings.keys)
    except SettingsError as error:
        raise SettingsError(InFile(str(settings.source), error.reason)) from None


def shown_key(key: str) -> str:
    """Return a key as people write it: `Ctrl-C`, `PgUp`, `x`."""
    if len(key) == 1:
        return key
    *modifiers, last = key.split("+")
    last = _SHOWN.get(last, last.upper() if modifiers or last.startswith("f") else last)
    return "-".join([*(_SHOWN[name] for name in modifiers), last])


def _for_textual(keys: Sequence[str]) -> str:
    return ",".join(_TEXTUAL_NAMES.get(key, key) for key in keys)


def _check_name(name: str) -> None:
    if name in BY_ID:
        return
    from emeth_tui.settings.problems import hint_at  # late: the first paint needs no settings

    raise SettingsError(UnknownAction(name, hint_at(nearest_of(name, BY_ID))))
