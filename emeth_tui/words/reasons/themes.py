"""The sentences of notices/reasons/themes.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import themes

SENTENCES: Mapping[type[Notice], str] = {
    themes.DarkNotBoolean: "dark = {value}: is true or false",
    themes.ThemeTableExpected: "{section}: is a table",
    themes.UnknownTheme: "screen.theme = {name}: there is no such theme; there are {known}",
    themes.UnknownThemeKey: ("{key}: there is no such key; a theme has title, dark, [colours] and [sixteen]"),
    themes.UnknownColour: "{key}: there is no such key; known are {known}",
    themes.NotAColour: "{key} = {value}: a colour is one of {names}",
    themes.NotAHexColour: "{key} = {value}: a colour is `#rrggbb` or one of {names}",
    themes.FileNotExported: "{path}: {problem}; choose another place",
}
