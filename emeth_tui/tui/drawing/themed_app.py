"""An application with themes: those available, the one in use, and no colours under NO_COLOR."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textual.app import App
from textual.filter import ANSIToTruecolor

from emeth_tui.errors import EmethError, SettingsError
from emeth_tui.tui.drawing.glyphs import ASCII, UNICODE
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.themes import Palette, Theme, load_theme, load_themes, pick
from emeth_tui.words.sentences import text_of

if TYPE_CHECKING:
    from textual.filter import LineFilter
    from textual.theme import Theme as TextualTheme

    from emeth_tui.tui.node_front import ScreenOptions

Result = TypeVar("Result")


class ThemedApp(App[Result], inherit_bindings=False):
    """Holds the glyphs and colours that everything is painted with."""

    def __init__(self, options: ScreenOptions) -> None:
        # Without colours, Textual must not turn ANSI into greys of its own: they are colours, too.
        self.colourless = "NO_COLOR" in os.environ
        self._generated: tuple[TextualTheme, dict[str, str]] | None = None
        super().__init__(ansi_color=True if self.colourless else None)
        self.broken_by: Exception | None = None
        self.options = options
        self.glyphs = ASCII if options.ascii_only else UNICODE
        self._sixteen = self.console.color_system in {"standard", None}
        self.set_palette(self._first_theme(options))
        self._variables = self.get_css_variables()
        self.stylesheet.set_variables(self._variables)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Leave out the filter that replaces ANSI colours, over every line, where there are none."""
        filters = super().get_line_filters()
        if not self.palette.is_exact:
            return filters
        return [one for one in filters if not isinstance(one, ANSIToTruecolor)]

    def get_css_variables(self) -> dict[str, str]:
        """Return the variables of the theme in use, generated once; none before there is a palette."""
        if not hasattr(self, "palette"):
            return {}  # Textual's own theme, which is never shown
        theme = self.current_theme
        if self._generated is None or self._generated[0] is not theme:
            self._generated = theme, super().get_css_variables()
        return self._generated[1]

    def refresh_css(self, animate: bool = True) -> None:
        """Parse the styles again where colours have changed: not for the theme of the start."""
        variables = self.get_css_variables()
        if variables != self._variables:
            self._variables = variables
            super().refresh_css(animate)

    def _fatal_error(self) -> None:
        """Leave after a bug without Textual's traceback: it shows every variable, a typed key as well."""
        self.broken_by = self._exception
        self._close_messages_no_wait()

    def next_theme(self) -> Theme:
        """Return the next theme after the current one, by name."""
        names = sorted(self.themes)
        index = names.index(self.palette.theme.name)
        return self.themes[names[(index + 1) % len(names)]]

    def set_palette(self, theme: Theme) -> None:
        """Switch to another theme at once."""
        self.palette = Palette(theme, sixteen=self._sixteen, colourless=self.colourless)
        textual_theme = self.palette.textual_theme()
        self.register_theme(textual_theme)
        self.theme = textual_theme.name
        for screen in self.screen_stack if self.is_running else ():
            for view in screen.query(LineView):
                view.refresh()

    @property
    def themes(self) -> Mapping[str, Theme]:
        """All themes, by name. They are loaded when they are first asked for: the first paint needs one."""
        return self._all_themes[0]

    @property
    def theme_error(self) -> str:
        """What is wrong with the user's themes, "" for nothing."""
        return self._all_themes[1]

    @cached_property
    def _all_themes(self) -> tuple[Mapping[str, Theme], str]:
        return _themes_or_ours(self.options)

    def _first_theme(self, options: ScreenOptions) -> Theme:
        name = "monochrome" if self.colourless else options.theme
        try:
            return load_theme(options.themes_directory, name)
        except SettingsError:
            return self.themes[name]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return defaults for our style sheet's variables until the first theme sets them."""
        names = ("rim", "rim-focus", "bar", "label", "quiet", "chosen", "chosen-text")
        return dict.fromkeys(names, "ansi_default")


def _themes_or_ours(options: ScreenOptions) -> tuple[dict[str, Theme], str]:
    """Return all themes; if one of the user's is invalid, only ours, and what is wrong with it."""

    try:
        themes = load_themes(options.themes_directory)
        pick(themes, options.theme)
    except EmethError as error:
        ours = load_themes(Path(os.devnull))
        return {**ours, options.theme: ours.get(options.theme, ours["dark"])}, text_of(error.reason)
    return themes, ""
