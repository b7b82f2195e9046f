"""Asks where to write a file, and suggests a place."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from emeth_tui.errors import SettingsError
from emeth_tui.settings.basics import typed_path
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import line
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _


class PathDialog(ModalScreen[Path | None]):
    """One line to edit: Enter takes it, Esc returns None. In a directory the file keeps its default name."""

    CSS_PATH = Path(__file__).parent.parent / "drawing" / "styles" / "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", id="path-cancel")]

    def __init__(self, title: str, default: Path) -> None:
        super().__init__()
        self._title = title
        self._default = default

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield LineView(id="question")
            entry = Input(str(self._default), id="path", compact=True)
            entry.cursor_blink = False
            yield entry

    def on_mount(self) -> None:
        view = self.query_one("#question", LineView)
        self.set_class(view.painted.glyphs.ascii_only, "-ascii")
        self.query_one("#box").border_title = Content(view.painted.glyphs.text(self._title))
        view.show_lines(
            [line((_("Enter writes the file, Esc cancels; no existing file is overwritten"), "muted"))]
        )
        self.query_one("#path", Input).focus()

    @on(Input.Submitted, "#path")
    def _take(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if not text:
            return
        try:
            path = typed_path(text)
        except SettingsError as error:
            self.query_one("#question", LineView).show_lines([line((text_of(error.reason), "bad"))])
            return
        self.dismiss(path / self._default.name if path.is_dir() else path)

    def action_cancel(self) -> None:
        self.dismiss(None)
