"""The questions on the whole terminal: `emeth-tui` asks them where there is no settings file yet."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input

from emeth_tui.errors import EmethError
from emeth_tui.foreign_text import clean
from emeth_tui.tui.dialogs.dialog import BOX_CELLS, EDGE_CELLS
from emeth_tui.tui.drawing.driver import ignore_size_variables
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, line, wrap
from emeth_tui.tui.drawing.themed_app import ThemedApp
from emeth_tui.tui.node_front import ScreenOptions
from emeth_tui.tui.panels.keys import KeyHint, keys_line
from emeth_tui.tui.setup.questions import STEPS, Kind, Outcome, Question, Result
from emeth_tui.tui.setup.wizard import Wizard
from emeth_tui.tui.terminal import needs_ascii
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _, speak

if TYPE_CHECKING:
    from emeth_tui.settings import Settings


STYLES = Path(__file__).parent.parent / "drawing" / "styles"


class SetupApp(ThemedApp[Outcome]):
    """Asks the wizard's questions and ends with its outcome."""

    CSS_PATH: ClassVar[list[str | PurePath]] = [STYLES / "app.tcss", STYLES / "setup.tcss"]
    TITLE = "emeth-tui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "skip", "Skip", show=False, priority=True, id="skip"),
    ]

    def __init__(self, wizard: Wizard, options: ScreenOptions) -> None:
        super().__init__(options)
        self.wizard = wizard

    def get_default_screen(self) -> Screen[object]:
        return QuestionScreen()

    def action_skip(self) -> None:
        """Leave without writing anything more."""
        self.exit(Outcome(Result.SKIPPED))


class QuestionScreen(Screen[object]):
    """One question at a time: ↑ ↓ and Enter, or a line to type in; Esc goes back."""

    AUTO_FOCUS: ClassVar[str | None] = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="option-up"),
        Binding("down,j", "move(1)", "Down", show=False, id="option-down"),
        Binding("space", "flip", "Choose", show=False, id="option-toggle"),
        Binding("enter", "take", "Take", show=False, id="option-take"),
        Binding("escape", "back", "Back", show=False, id="question-back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._marked = 0
        self._chosen: set[str] = set()
        self._problem = ""
        self._busy = False

    @property
    def setup(self) -> SetupApp:
        return cast("SetupApp", self.app)

    @property
    def question(self) -> Question:
        return self.setup.wizard.question

    def compose(self) -> ComposeResult:
        yield LineView(id="header")
        with Container(id="setup"), Container(id="box"):
            yield LineView(id="question")
            entry = Input(id="answer", compact=True)
            entry.cursor_blink = False
            yield entry
            yield LineView(id="problem")
        yield LineView(id="keys")

    def on_mount(self) -> None:
        self.set_class(self.setup.glyphs.ascii_only, "-ascii")
        self._show_question()

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self._paint)

    # -- what is shown

    def _show_question(self) -> None:
        question = self.question
        values = [option.value for option in question.options]
        self._chosen = set(question.default.split(","))
        self._marked = values.index(question.default) if question.default in values else 0
        entry = self.query_one("#answer", Input)
        typed = question.kind in {Kind.TEXT, Kind.SECRET}
        entry.display = typed
        entry.password = question.kind is Kind.SECRET
        entry.value = question.default if typed else ""
        entry.cursor_position = len(entry.value)
        self.set_focus(entry if typed else None)
        self._paint()

    def _paint(self) -> None:
        question, glyphs = self.question, self.setup.glyphs
        width = min(BOX_CELLS, int(self.size.width * 0.96) - EDGE_CELLS)
        place = _("first settings, {step} of {steps}").format(step=question.step, steps=STEPS)
        self.query_one("#header", LineView).show_lines(
            [fit(line((" emeth-tui", "title"), (f"  {place}", "muted")), self.size.width)]
        )
        self.query_one("#box").border_title = Content(glyphs.text(question.title))
        lines: list[Line] = []
        for fact in question.facts:
            lines += wrap(clean(fact), width)
        if question.prompt:
            lines += [BLANK, line((question.prompt, "muted"))]
        if question.options:
            lines += [BLANK, *(self._option(index, width) for index in range(len(question.options)))]
        _fill(self.query_one("#question", LineView), lines)
        problem = wrap(f"✗ {self._problem}", width, "bad") if self._problem else []
        _fill(self.query_one("#problem", LineView), [BLANK, *problem] if problem else [])
        self.query_one("#keys", LineView).show_lines([self._keys(question)])

    def _option(self, index: int, width: int) -> Line:
        question = self.question
        option, marked = question.options[index], index == self._marked
        box = ""
        if question.kind is Kind.SEVERAL:
            box = "[x] " if option.value in self._chosen else "[ ] "
        text = f"{box}{clean(option.label)} "
        return fit(line(("▶ " if marked else "  ", "accent"), text, selected=marked), width)

    def _keys(self, question: Question) -> Line:
        if self._busy:
            return line((" " + _("working on it …"), "accent"))
        go_on = _("Go on")
        if question.kind is Kind.NOTICE:
            return keys_line([KeyHint("Enter", go_on, "take")], None, self.size.width)
        back = _("Back") if self.setup.wizard.can_go_back else _("Skip")
        hints = [KeyHint("Enter", go_on, "take")]
        if len(question.options) > 1:
            hints.append(KeyHint("↑↓", _("Choose"), "move(1)"))
        if question.kind is Kind.SEVERAL:
            hints.append(KeyHint("Space", _("On or off"), "flip"))
        hints.append(KeyHint("Esc", back, "back"))
        if self.setup.wizard.can_go_back:
            hints.append(KeyHint("Ctrl-C", _("Skip"), "app.skip"))
        return keys_line(hints, None, self.size.width)

    # -- what is pressed

    def action_move(self, rows: int) -> None:
        if self.question.options:
            self._marked = (self._marked + rows) % len(self.question.options)
            self._paint()

    def action_flip(self) -> None:
        """Take an option in or out, where several can be chosen."""
        if self.question.kind is Kind.SEVERAL:
            self._chosen ^= {self.question.options[self._marked].value}
            self._paint()

    def action_take(self) -> None:
        """Answer with what is marked or typed."""
        if not self._busy:
            self._busy, self._problem = True, ""
            self._paint()
            self.run_worker(self._answer(self._value()), name="answer")

    @on(Input.Submitted, "#answer")
    def _submitted(self) -> None:
        self.action_take()

    def action_back(self) -> None:
        """Go to the question before; from the first one, leave."""
        if self._busy:
            return
        self._problem = ""
        if self.setup.wizard.back():
            self._show_question()
        elif self.question.kind is not Kind.NOTICE:
            self.setup.action_skip()
        else:
            self.action_take()

    def _value(self) -> str:
        question = self.question
        if question.kind is Kind.CHOICE:
            return question.options[self._marked].value
        if question.kind is Kind.SEVERAL:
            values = [option.value for option in question.options]
            return ",".join(value for value in values if value in self._chosen)
        return self.query_one("#answer", Input).value

    async def _answer(self, value: str) -> None:
        try:
            await self.setup.wizard.answer(value)
        except EmethError as error:
            self._problem = text_of(error.reason)
        finally:
            self._busy = False
        if self.setup.wizard.outcome is not None:
            self.setup.exit(self.setup.wizard.outcome)
        elif self._problem and self.question.kind is not Kind.SECRET:
            self._paint()
        else:
            self._show_question()


def run_setup_screen(settings: Settings) -> Outcome:
    """Ask for the first settings on the whole terminal. Raise whatever bug has ended the questions."""
    ignore_size_variables()
    speak(settings.screen.language)
    options = ScreenOptions(
        themes_directory=settings.source.parent / "themes",
        theme=settings.screen.theme,
        language=settings.screen.language,
        ascii_only=settings.screen.ascii or needs_ascii(),
    )
    app = SetupApp(Wizard(settings.source), options)
    outcome = asyncio.run(app.run_async())
    if app.broken_by is not None:
        raise app.broken_by
    return outcome or Outcome(Result.SKIPPED)


def _fill(view: LineView, lines: list[Line]) -> None:
    view.styles.height = len(lines)
    view.display = bool(lines)
    view.show_lines(lines)
