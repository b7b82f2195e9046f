"""Theme files: what ships, what a user may add, and how an invalid one is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from rich.color_triplet import ColorTriplet
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI, TerminalTheme

from emeth_tui.errors import SettingsError
from emeth_tui.tui.drawing.themes import Palette, load_themes, parse_theme, pick
from tests.tui.harness import LARGE, OPTIONS, last_line, press, settled, shown, strips_of, text_of
from tests.tui.stand_in import StandInNode

OURS = load_themes(Path("no such directory"))
DARK = (Path(__file__).parents[3] / "themes" / "dark.toml").read_text("utf-8")


def contrast(one: str, other: str) -> float:
    """Contrast of two colours by WCAG 2: from 1 to 21."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_six_themes_ship() -> None:
    assert set(OURS) == {"dark", "light", "high-contrast", "colour-blind", "monochrome", "matcha"}


@pytest.mark.parametrize("name", sorted(set(OURS) - {"monochrome"}))
@pytest.mark.parametrize("ground", ["background", "bar", "selected"])
def test_texts_can_be_read(name: str, ground: str) -> None:
    colours = OURS[name].colours
    roles = {
        "text",
        "muted",
        "faint",
        "accent",
        "good",
        "warn",
        "bad",
        "title",
        "key",
    }  # a border is only seen
    if ground == "selected":  # there the quiet ones take the colour of the chosen row
        roles = roles - {"text", "muted", "faint", "title"} | {"selected_text"}
    for role in sorted(roles):
        least = 7.0 if name == "high-contrast" and ground != "selected" and role != "faint" else 4.5
        ratio = contrast(getattr(colours, role), getattr(colours, ground))
        assert ratio >= least, f"{name}: {role} on {ground} is {ratio:.2f}"


def named_colour(name: str, terminal: TerminalTheme, *, ground: bool) -> str:
    """Return what a terminal shows for one of its 16 colours."""
    if name == "default":
        return (terminal.background_color if ground else terminal.foreground_color).hex
    bright = name.startswith("bright_")
    names = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
    return ColorTriplet(*terminal.ansi_colors[names.index(name.removeprefix("bright_")) + 8 * bright]).hex


@pytest.mark.parametrize("name", sorted(OURS))
def test_texts_can_be_read_on_a_terminal_with_16_colours(name: str) -> None:
    theme = OURS[name]
    terminal = MONOKAI if theme.dark else DEFAULT_TERMINAL_THEME
    ground = named_colour(theme.sixteen.background, terminal, ground=True)
    for role in ("text", "muted", "faint", "accent", "good", "warn", "bad", "title", "key"):
        # Of the 16, one grey alone is quiet on dark and light grounds; how dark it is, the terminal decides.
        least = 3.0 if getattr(theme.sixteen, role) == "bright_black" else 4.5
        ratio = contrast(named_colour(getattr(theme.sixteen, role), terminal, ground=False), ground)
        assert ratio >= least, f"{name}: {role} is {ratio:.2f}"


def test_a_users_theme_is_added_and_wins(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(DARK, "utf-8")
    (tmp_path / "light.toml").write_text(DARK.replace('"Dark"', '"My light"'), "utf-8")
    themes = load_themes(tmp_path)
    assert themes["mine"].title == "Dark"
    assert themes["light"].title == "My light"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("accent =", "accnt ="), "colours.accnt"),
        (('"#7fb4ca"', '"blurple"'), "colours.accent"),
        (("dark = true", 'dark = "yes"'), "dark"),
        (("dark = true", "dark = true\nsize = 3"), "size"),
        (('bad = "#f0757c"', ""), "colours.bad"),
        (("[colours]", "[sixteen]\ntext = '#000000'\n[colours]"), "sixteen.text"),
        (('"#7fb4ca"', "[]"), "colours.accent"),
        (('"#7fb4ca"', "{}"), "colours.accent"),
    ],
)
def test_a_wrong_theme_names_its_file_and_key(tmp_path: Path, change: tuple[str, str], key: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(DARK.replace(*change, 1), "utf-8")
    with pytest.raises(SettingsError) as caught:
        parse_theme(path)
    assert str(path) in str(caught.value)
    assert f"{key}:" in str(caught.value) or f"{key} =" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DARK.replace('"#7fb4ca"', "#7fb4ca").encode(), "is not TOML at line"),
        (DARK.encode("utf-16"), "is not UTF-8 text"),
        (b"[colours]\n[colours]\n", "line 2: this key or table is in the file already"),
    ],
)
def test_a_theme_that_cannot_be_read_is_named_in_our_words(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        parse_theme(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_theme_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(DARK, "utf-8-sig")
    assert load_themes(tmp_path)["mine"].title == "Dark"


def test_a_theme_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"text = {'[' * 9_000}{']' * 9_000}\n", "utf-8")
    with pytest.raises(SettingsError, match=r"mine\.toml"):
        parse_theme(path)


def test_an_unknown_theme_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="there are colour-blind, dark"):
        pick(OURS, "plaid")


async def test_a_wrong_theme_does_not_keep_the_screen_away(tmp_path: Path, node: StandInNode) -> None:
    (tmp_path / "mine.toml").write_text(DARK.replace("accent =", "accnt ="), "utf-8")
    async with shown(node, LARGE, structs.replace(OPTIONS, themes_directory=tmp_path, theme="mine")) as pilot:
        assert "colours.accnt" in last_line(pilot)
        assert "6f2a…c1" in text_of(pilot)


async def test_every_theme_can_be_switched_to(node: StandInNode) -> None:
    async with shown(node) as pilot:
        before = text_of(pilot).splitlines()[:-1]
        seen = set()
        for _theme in OURS:
            await press(pilot, "t")
            seen.add(pilot.app.theme)
            assert text_of(pilot).splitlines()[:-1] == before
        assert seen == set(OURS)


@pytest.mark.parametrize("term", ["screen", "tmux-256color", "linux", "vt100"])
async def test_modest_terminals_are_served(
    monkeypatch: pytest.MonkeyPatch, node: StandInNode, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM")
    async with shown(node) as pilot:
        await press(pilot, "t", "D", "escape")
        assert "6f2a…c1" in text_of(pilot)


async def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch, node: StandInNode) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shown(node) as pilot:
        await settled(pilot)
        strips = strips_of(pilot)
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        filtered = [
            segment.style
            for strip in strips
            for line_filter in pilot.app._filters
            for segment in line_filter.apply(list(strip), pilot.app.screen.background_colors[1])
            if segment.style
        ]
        assert any(style.bold for style in styles)
        assert any(style.reverse for style in styles)
        # The filter that Textual lays over everything leaves the terminal's own colours alone.
        assert pilot.app._filters[-1].__class__.__name__ == "NoColor"
        assert filtered
        await press(pilot, "t")
        assert "NO_COLOR is set" in last_line(pilot)


def test_without_colours_a_warning_is_still_told_apart() -> None:
    palette = Palette(OURS["monochrome"])
    styles = palette.styles_on(Style.null())
    assert len({str(styles[role]) for role in ("", "muted", "warn", "bad")}) == 4
    assert palette.styles_on(Style.null(), selected=True)[""].reverse
