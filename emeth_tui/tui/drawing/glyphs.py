"""The characters that the screen draws with: Unicode, or ASCII one for one, so that nothing shifts."""

from __future__ import annotations

from msgspec import Struct

# The non-ASCII characters in our own texts, each with one of the same width.
_TO_ASCII = str.maketrans(
    {
        "…": "~",
        "·": "|",
        "≈": "~",
        "–": "-",
        "—": "-",
        "−": "-",
        "▶": ">",
        "▸": ">",
        "●": "*",
        "○": "o",
        "✓": "+",
        "✗": "x",
        "⚠": "!",
        "‖": "=",
        "↑": "^",
        "↓": "v",
        "←": "<",
        "→": ">",
        "×": "x",
        "°": " ",
        "─": "-",
        "│": "|",
        "└": "+",
        "’": "'",
        "“": '"',
        "”": '"',
    }
)


class Glyphs(Struct, frozen=True):
    """One set of characters. `levels` run from empty to full."""

    ascii_only: bool
    bar_full: str
    bar_half: str
    bar_empty: str
    levels: str
    chart_point: str
    chart_second: str  # for a second curve
    border: str  # Textual's name of a border

    @property
    def characters(self) -> str:
        """Every character that this set draws with, besides letters and digits."""
        shapes = self.bar_full + self.bar_half + self.bar_empty + self.levels
        signs = "" if self.ascii_only else "".join(map(chr, _TO_ASCII))
        return shapes + self.chart_point + self.chart_second + signs

    def text(self, text: str) -> str:
        """Return a text as this set can show it; letters of other scripts are left alone."""
        return text.translate(_TO_ASCII) if self.ascii_only else text


UNICODE = Glyphs(False, "━", "╸", "─", "▁▂▃▄▅▆▇█", "•", "○", "round")
ASCII = Glyphs(True, "#", "+", "-", "_.:-=+*#", "*", "o", "ascii")
