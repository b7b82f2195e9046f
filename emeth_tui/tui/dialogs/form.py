"""A few lines to fill in, checked together: a job's order, a directory, a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from emeth_tui.errors import SettingsError
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import line, wrap
from emeth_tui.words.sentences import text_of

T = TypeVar("T")
TEXT_CELLS = 68  # of the box's width in styles/dialog.tcss
HINT_LINES = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a form: its name, and what stands in it at first."""

    label: str
    value: str = ""


class Form(ModalScreen[T | None]):
    """Asks for several lines of text. Enter takes them from any line, Esc returns None.

    `read` makes the answer of the lines; it raises SettingsError, whose reason is shown.
    """

    CSS_PATH = Path(__file__).parent.parent / "drawing" / "styles" / "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="form-cancel"),
        Binding("down", "app.focus_next", "Down", show=False, id="form-down"),
        Binding("up", "app.focus_previous", "Up", show=False, id="form-up"),
    ]

    def __init__(
        self, title: str, hint: str, entries: Sequence[Entry], read: Callable[[Sequence[str]], T]
    ) -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._entries = entries
        self._read = read

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield LineView(id="question")
            for number, entry in enumerate(self._entries):
                with Horizontal(classes="entry"):
                    yield LineView(id=f"label-{number}", classes="label")
                    text = Input(entry.value, id=f"entry-{number}", compact=True)
                    text.cursor_blink = False
                    yield text

    def on_mount(self) -> None:
        view = self.query_one("#question", LineView)
        view.styles.height = HINT_LINES
        self.set_class(view.painted.glyphs.ascii_only, "-ascii")
        self.query_one("#box").border_title = Content(view.painted.glyphs.text(self._title))
        self._say(self._hint, "muted")
        for number, entry in enumerate(self._entries):
            self.query_one(f"#label-{number}", LineView).show_lines([line((entry.label, "muted"))])
        self.query_one("#entry-0", Input).focus()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        values = [self.query_one(f"#entry-{number}", Input).value for number in range(len(self._entries))]
        try:
            self.dismiss(self._read([value.strip() for value in values]))
        except SettingsError as error:
            self._say(text_of(error.reason), "bad")

    def _say(self, text: str, role: str) -> None:
        width = min(TEXT_CELLS, int(self.app.size.width * 0.96) - 6)
        self.query_one("#question", LineView).show_lines(wrap(text, width, role)[:HINT_LINES])

    def action_cancel(self) -> None:
        self.dismiss(None)
