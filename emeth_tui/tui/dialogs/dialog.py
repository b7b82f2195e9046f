"""Questions about money or time: a few lines of facts, then the answers, the harmless one first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import ModalScreen

from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import BLANK, Line, left, line, wrap
from emeth_tui.words.sentences import text_of

if TYPE_CHECKING:
    from emeth_tui.notices.notice import Reason

T = TypeVar("T")
BOX_CELLS = 70  # inside the border, as styles/dialog.tcss sets it
EDGE_CELLS = 6
EDGE_LINES = 4
ANSWER_CELLS = 5  # before an answer: mark and key


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One answer. `why_not` is why it is unavailable now, None when it is available."""

    key: str
    label: str
    value: T
    why_not: Reason | None = None


class Dialog(ModalScreen[T]):
    """Asks one question. Enter takes the marked answer, a key its own, Esc the first one."""

    CSS_PATH = Path(__file__).parent.parent / "drawing" / "styles" / "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left,shift+tab", "move(-1)", "Up", show=False, id="answer-up"),
        Binding("down,right,tab", "move(1)", "Down", show=False, id="answer-down"),
        Binding("enter", "take", "Take", show=False, id="answer-take"),
        Binding("escape", "cancel", "Cancel", show=False, id="answer-cancel"),
    ]

    def __init__(
        self, title: str, facts: Callable[[int], Sequence[Line]], choices: Sequence[Choice[T]]
    ) -> None:
        super().__init__()
        self._title = title
        self._facts = facts
        self._choices = choices
        self._marked = 0
        self._refused: int | None = None  # the answer that was asked for and is unavailable
        self._rows: dict[int, int] = {}  # line to answer

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield LineView(id="question")

    def on_mount(self) -> None:
        view = self.query_one("#question", LineView)
        self.set_class(view.painted.glyphs.ascii_only, "-ascii")
        self.query_one("#box").border_title = Content(view.painted.glyphs.text(self._title))
        self._paint()

    def on_resize(self, _event: events.Resize) -> None:
        self._paint()

    def action_move(self, rows: int) -> None:
        """Mark another answer, skipping those that are unavailable."""
        for step in range(1, len(self._choices) + 1):
            index = (self._marked + rows * step) % len(self._choices)
            if not self._choices[index].why_not:
                self._marked = index
                break
        self._paint()

    def action_take(self) -> None:
        self.dismiss(self._choices[self._marked].value)

    def action_cancel(self) -> None:
        self.dismiss(self._choices[0].value)

    def on_key(self, event: events.Key) -> None:
        for index, choice in enumerate(self._choices):
            if event.character == choice.key:
                event.stop()
                self._choose(index)

    def on_click(self, event: events.Click) -> None:
        view = self.query_one("#question", LineView)
        if event.widget is view:
            y = event.get_content_offset_capture(view).y
            if y in self._rows:
                self._choose(self._rows[y])

    def _choose(self, index: int) -> None:
        """Take an answer, or say why it is unavailable."""
        choice = self._choices[index]
        if not choice.why_not:
            self.dismiss(choice.value)
            return
        self._refused = index
        self._paint()

    def _paint(self) -> None:
        view = self.query_one("#question", LineView)
        width = min(BOX_CELLS, int(self.size.width * 0.96) - EDGE_CELLS)
        answers = [(index, row) for index in range(len(self._choices)) for row in self._answer(index, width)]
        room = int(self.size.height * 0.9) - EDGE_LINES - len(answers) - 1
        facts = self._facts(width)[: max(0, room)]  # the answers must always be visible
        self._rows = {y: index for y, (index, _row) in enumerate(answers, len(facts) + 1)}
        lines = [*facts, BLANK, *(row for _index, row in answers)]
        view.styles.height = len(lines)
        view.show_lines(lines)

    def _answer(self, index: int, width: int) -> list[Line]:
        choice = self._choices[index]
        marked = index == self._marked
        if choice.why_not:
            sign, role = ("! ", "warn") if index == self._refused else ("  ", "muted")
            texts = wrap(f"{choice.label}: {text_of(choice.why_not)}", width - ANSWER_CELLS, role)
            keys = [f"{sign}{choice.key}  ", *[" " * ANSWER_CELLS] * (len(texts) - 1)]
            return [line((key, role), *text.spans) for key, text in zip(keys, texts, strict=True)]
        mark = ("▶ " if marked else "  ", "accent")
        return [line(mark, (choice.key, "key"), f"  {choice.label} ", selected=marked)]


def facts_table(rows: Sequence[tuple[str, Line]]) -> Callable[[int], list[Line]]:
    """Return a layout of facts in two columns, labels and texts."""

    def lay_out(width: int) -> list[Line]:
        label_cells = max((cell_len(label) for label, _content in rows), default=0) + 2
        lines: list[Line] = []
        for label, content in rows:
            role = content.spans[0][1] if content.spans else ""
            parts = wrap(content.text, width - label_cells, role)
            for number, part in enumerate(parts):
                head = label if number == 0 else ""
                lines.append(line((left(head, label_cells), "muted"), *part.spans))
        return lines

    return lay_out
