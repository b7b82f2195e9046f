"""Themes: one TOML file each, ours and the user's. Colour only emphasises what words and signs say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from rich.style import Style
from textual.theme import Theme as TextualTheme

from emeth_tui.errors import SettingsError
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import themes as why
from emeth_tui.notices.reasons.files import NotUtf8, Unreadable
from emeth_tui.notices.reasons.settings import InFile, KeyMissing
from emeth_tui.settings.toml_text import parse_toml

_PACKAGE = Path(__file__).parents[2]  # `importlib.resources` would load zipfile before the first paint
# The 16 colours that every terminal has, by the names that Rich gives them.
_BASE_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
ANSI_NAMES = frozenset({"default", *_BASE_NAMES, *(f"bright_{name}" for name in _BASE_NAMES)})
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
# A role's attributes besides its colour: all that is left of it without colours.
_ATTRIBUTES = {"warn": "bold", "bad": "bold", "title": "bold", "key": "bold"}
_COLOURLESS_ATTRIBUTES = {
    **_ATTRIBUTES,
    "muted": "dim",
    "faint": "dim",
    "rule": "dim",
    "bad": "bold underline",
}
ROLES = ("", "muted", "faint", "rule", "accent", "good", "warn", "bad", "title", "key")
_COLOUR_OF = {"": "text", "rule": "border"}  # of the roles that have no colour of their own name


class Colours(Struct, frozen=True):
    """One colour per role, each `#rrggbb` or one of the terminal's 16 by name."""

    background: str
    bar: str  # behind header and keys
    text: str
    muted: str
    faint: str
    accent: str
    good: str
    warn: str
    bad: str
    title: str
    key: str
    border: str
    focus: str
    selected: str  # behind the chosen row
    selected_text: str


COLOURS = Colours.__struct_fields__
# For terminals with 16 colours, unless a theme overrides them.
SIXTEEN = Colours(
    background="default",
    bar="default",
    text="default",
    muted="bright_black",
    faint="bright_black",
    accent="cyan",
    good="green",
    warn="yellow",
    bad="red",
    title="default",
    key="cyan",
    border="bright_black",
    focus="cyan",
    selected="blue",
    selected_text="bright_white",
)


class Theme(Struct, frozen=True):
    """A theme as defined by its file."""

    name: str
    title: str
    dark: bool
    colours: Colours
    sixteen: Colours

    @property
    def colourless(self) -> bool:
        """Whether it uses only bold, dim and reverse."""
        return all(getattr(self.colours, key) == "default" for key in COLOURS)


class Palette:
    """A theme's styles on one kind of terminal."""

    def __init__(self, theme: Theme, *, sixteen: bool = False, colourless: bool = False) -> None:
        self.theme = theme
        self.colours = theme.sixteen if sixteen else theme.colours
        named = [getattr(self.colours, key) in ANSI_NAMES for key in COLOURS]
        self.is_exact = not any(named)  # every colour is `#rrggbb`, none is the terminal's own
        self._all_named = all(named)
        self._colourless = colourless or theme.colourless
        self._styles = {role: self._make(role) for role in ROLES}
        self._selected = {role: self._make_selected(role) for role in ROLES}
        self._on_grounds: dict[tuple[Style, bool], dict[str, Style]] = {}

    def styles_on(self, ground: Style, *, selected: bool = False) -> Mapping[str, Style]:
        """Return the Rich style of each role on a background, as in the selected row if `selected`."""
        known = self._on_grounds.get((ground, selected))
        if known is None:
            styles = self._selected if selected else self._styles
            same: dict[Style, Style] = {}  # equal ones are one object, by which neighbours are joined
            on_ground = {role: ground + style for role, style in styles.items()}
            known = {role: same.setdefault(style, style) for role, style in on_ground.items()}
            self._on_grounds[(ground, selected)] = known
        return known

    def textual_theme(self) -> TextualTheme:
        """Return what Textual needs for its own parts: backgrounds, borders, inputs."""
        paint = {key: _textual_name(getattr(self.colours, key)) for key in COLOURS}
        variables = {
            "rim": paint["border"],
            "rim-focus": paint["focus"],
            "bar": paint["bar"],
            "label": paint["title"],
            "quiet": paint["muted"],
            "chosen": paint["selected"],
            "chosen-text": paint["selected_text"],
            "ansi-background": paint["background"],
            "ansi-foreground": paint["text"],
            "block-cursor-background": paint["selected"],
            "block-cursor-foreground": paint["selected_text"],
            "block-cursor-blurred-background": paint["selected"],
            "block-cursor-blurred-foreground": paint["selected_text"],
        }
        return TextualTheme(
            name=self.theme.name,
            primary=paint["accent"],
            secondary=paint["accent"],
            warning=paint["warn"],
            error=paint["bad"],
            success=paint["good"],
            accent=paint["accent"],
            foreground=paint["text"],
            background=paint["background"],
            surface=paint["background"],
            panel=paint["bar"],
            dark=self.theme.dark,
            ansi=self._colourless or self._all_named,
            variables=variables,
        )

    def _make(self, role: str) -> Style:
        if self._colourless:
            return Style.parse(_COLOURLESS_ATTRIBUTES.get(role, "none"))
        return Style.parse(
            f"{_ATTRIBUTES.get(role, '')} {getattr(self.colours, _COLOUR_OF.get(role, role))}".strip()
        )

    def _make_selected(self, role: str) -> Style:
        if self._colourless:
            return Style.parse("reverse bold" if role in {"warn", "bad"} else "reverse")
        quiet = {"", "muted", "title"}
        if not self.colours.selected.startswith("#"):
            quiet |= {"accent", "key"}  # with 16 colours, these may equal the background
        text = self.colours.selected_text if role in quiet else None
        role = "muted" if role == "faint" else role  # faint text would vanish on another background
        style = self._styles[role] + Style.parse(f"on {self.colours.selected}")
        return style + Style.parse(text) if text else style


def load_themes(user_directory: Path) -> dict[str, Theme]:
    """Return our themes, overridden by the user's of the same name. Raise SettingsError."""
    themes = {theme.name: theme for theme in map(parse_theme, _in(_shipped()))}
    themes |= {theme.name: theme for theme in map(parse_theme, _in(user_directory))}
    return themes


def load_theme(user_directory: Path, name: str) -> Theme:
    """Return one theme, as `load_themes` would. Raise SettingsError where there is none of this name."""
    for directory in (user_directory, _shipped()):
        path = directory / f"{name}.toml"
        if path.name == f"{name}.toml" and path.is_file():
            return parse_theme(path)
    return pick(load_themes(user_directory), name)


def pick(themes: Mapping[str, Theme], name: str) -> Theme:
    """Return a theme by name. Raise SettingsError listing the themes there are."""
    try:
        return themes[name]
    except KeyError:
        raise SettingsError(why.UnknownTheme(repr(name), ", ".join(sorted(themes)))) from None


def parse_theme(path: Path) -> Theme:
    """Parse one theme file. Raise SettingsError naming the bad key, or the line that is not TOML."""
    try:
        table = parse_toml(path.read_text("utf-8-sig"), str(path))
    except OSError as error:
        raise SettingsError(Unreadable(path, system_text(error))) from error
    except UnicodeDecodeError:
        raise SettingsError(NotUtf8(path)) from None
    for key in table:
        if key not in {"title", "dark", "colours", "sixteen"}:
            raise _wrong(path, why.UnknownThemeKey(key))
    dark = table.get("dark", True)
    if not isinstance(dark, bool):
        raise _wrong(path, why.DarkNotBoolean(repr(dark)))
    name = path.name.removesuffix(".toml")
    return Theme(
        name=name,
        title=str(table.get("title", name)),
        dark=dark,
        colours=_colours(path, "colours", table.get("colours", {}), None),
        sixteen=_colours(path, "sixteen", table.get("sixteen", {}), SIXTEEN),
    )


def _colours(path: Path, section: str, table: Any, base: Colours | None) -> Colours:
    if not isinstance(table, dict):
        raise _wrong(path, why.ThemeTableExpected(section))
    for key, value in table.items():
        if key not in COLOURS:
            raise _wrong(path, why.UnknownColour(f"{section}.{key}", ", ".join(COLOURS)))
        named = isinstance(value, str) and value in ANSI_NAMES
        hex_allowed = section == "colours"
        if not named and not (hex_allowed and isinstance(value, str) and _HEX.fullmatch(value)):
            wanted = why.NotAHexColour if hex_allowed else why.NotAColour
            names = ", ".join(sorted(ANSI_NAMES))
            raise _wrong(path, wanted(f"{section}.{key}", repr(value), names))
    values: dict[str, str] = {**(asdict(base) if base else {}), **table}
    for key in COLOURS:
        if key not in values:
            raise _wrong(path, KeyMissing(f"{section}.{key}"))
    return Colours(**values)


def _wrong(path: Path, problem: Reason) -> SettingsError:
    return SettingsError(InFile(str(path), problem))


def _shipped() -> Path:
    """Return where our themes are: in the package once it is built, beside it in a checkout."""
    inside = _PACKAGE / "themes"
    return inside if inside.is_dir() else _PACKAGE.parent / "themes"


def _in(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.toml"))


def _textual_name(colour: str) -> str:
    return colour if colour.startswith("#") else f"ansi_{colour}"
