"""What every screen has: header, banner, filter line, keys; and a page of lines that scrolls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from emeth_tui.model import Job
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.drawing.lines import Line, line
from emeth_tui.tui.frame import Frame
from emeth_tui.tui.node_front import Records
from emeth_tui.tui.panels.banner import banner_lines
from emeth_tui.tui.panels.header import header_line
from emeth_tui.tui.panels.keys import KeyHint, hint_at, keys_line
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.app import EmethApp


class KeysView(LineView):
    """The footer. A click on a key is as good as the key; a mouse that rests on one is told why it cannot."""

    def tip_at(self, x: int, y: int) -> str:
        screen = self.screen
        hints = screen.hints() if isinstance(screen, NodeScreen) else ()
        hint = hint_at(hints, self.size.width, x)
        return _("not now: {reason}").format(reason=hint.refusal) if hint and hint.refusal else ""

    def on_click(self, event: events.Click) -> None:
        screen = self.screen
        if isinstance(screen, NodeScreen) and (hint := hint_at(screen.hints(), self.size.width, event.x)):
            self.call_later(screen.run_action, hint.action)


class NodeScreen(Screen[Any]):
    """A screen of the node. It gets frames and repaints; it never asks the node itself."""

    AUTO_FOCUS: ClassVar[str | None] = None

    @property
    def emeth(self) -> EmethApp:
        return cast("EmethApp", self.app)

    @property
    def target_job(self) -> Job | None:
        """The job that the job keys act on."""
        return None

    @property
    def first_filter(self) -> str:
        """What is filtered from the start."""
        return ""

    def compose_content(self) -> ComposeResult:
        raise NotImplementedError

    def hints(self) -> Sequence[KeyHint]:
        """List the keys for the footer, the most useful first."""
        raise NotImplementedError

    def show_content(self, frame: Frame) -> None:
        """Paint what is this screen's own."""
        raise NotImplementedError

    def apply_filter(self, words: str) -> None:
        """Show only what holds these words."""

    def compose(self) -> ComposeResult:
        yield LineView(id="header")
        yield LineView(id="banner", classes="-empty")
        yield from self.compose_content()
        filter_input = Input(self.first_filter, placeholder=_("filter"), id="filter", compact=True)
        filter_input.cursor_blink = False
        yield filter_input
        yield KeysView(id="keys")

    def on_mount(self) -> None:
        self.set_class(self.emeth.glyphs.ascii_only, "-ascii")
        self.set_class(self.emeth.colourless, "-colourless")

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self.repaint)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.repaint)

    def repaint(self) -> None:
        """Paint everything from the newest frame."""
        self.show_frame(self.emeth.frame)

    def show_frame(self, frame: Frame | None) -> None:
        """Take in a frame; None before the first one."""
        if not self.ready:
            return
        width = self.size.width
        self.query_one("#header", LineView).show_lines([header_line(frame, width)])
        self.update_keys()
        if frame is None:
            return
        banner = self.query_one("#banner", LineView)
        warnings = banner_lines(frame, width)
        if len(warnings) != len(banner.lines):
            banner.styles.height = len(warnings)
            banner.set_class(not warnings, "-empty")
        banner.show_lines(warnings)
        self.show_content(frame)

    @property
    def ready(self) -> bool:
        """Whether the widgets are there: a frame may come before them."""
        return self.is_mounted and bool(self.query("#keys"))

    def update_keys(self) -> None:
        """Paint the footer."""
        footer = self.query_one("#keys", LineView)
        footer.show_lines([keys_line(self.hints(), self.emeth.current_echo, self.size.width)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the key that opens the filter to a line of text that has the focus."""
        return not (action == "filter" and isinstance(self.focused, Input))

    def action_filter(self) -> None:
        """Open the filter line."""
        entry = self.query_one("#filter", Input)
        entry.add_class("-open")
        self.set_focus(entry)  # now, not after the next message: what is typed on belongs to the filter

    def close_filter(self, *, clear: bool) -> bool:
        """Close the filter line; tells whether there was anything to close or clear."""
        entry = self.query_one("#filter", Input)
        was_there = entry.has_class("-open") or bool(entry.value)
        entry.remove_class("-open")
        if clear and entry.value:
            entry.value = ""
        return was_there

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.apply_filter(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        self.close_filter(clear=False)
        self.focus_content()

    def focus_content(self) -> None:
        """Give the keys back to what is shown."""


class PageView(LineView, can_focus=True):
    """Lines that scroll, with a chosen one where lines stand for things."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_rows(-1)", "Up", show=False, id="line-up"),
        Binding("down,j", "scroll_rows(1)", "Down", show=False, id="line-down"),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False, id="page-up"),
        Binding("pagedown,space", "scroll_pages(1)", "Page down", show=False, id="page-down"),
        Binding("home,g", "scroll_rows(-1000000)", "First", show=False, id="line-first"),
        Binding("end,G", "scroll_rows(1000000)", "Last", show=False, id="line-last"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._heading: list[Line] = []
        self._content: list[Line] = []
        self._top = 0
        self.chosen: int | None = None

    def show_page(self, heading: list[Line], content: list[Line], *, rows: bool) -> None:
        """Show lines under a heading that stays; with `rows` one of them is chosen."""
        self._heading, self._content = heading, content
        self.chosen = min(self.chosen or 0, max(0, len(content) - 1)) if rows else None
        self._paint()

    def to_end(self) -> None:
        """Show the last lines."""
        self._top = len(self._content)
        self._paint()

    @property
    def at_end(self) -> bool:
        return self._top >= len(self._content) - self._room

    @property
    def scrolled_to_end(self) -> bool:
        """Whether the user has gone to the end of more than the page has room for."""
        return self._top > 0 and self.at_end

    @property
    def _room(self) -> int:
        return max(1, self.size.height - len(self._heading))

    def action_scroll_rows(self, rows: int) -> None:
        if self.chosen is not None:
            self.chosen = max(0, min(self.chosen + rows, len(self._content) - 1))
            self.call_next(self.emeth.repaint)  # the heading may tell more of the chosen line
        else:
            self._top += rows
        self._paint()

    def action_scroll_pages(self, pages: int) -> None:
        self.action_scroll_rows(pages * self._room)

    def on_click(self, event: events.Click) -> None:
        """Choose the row that was clicked; a second click opens it."""
        row = self._top + event.get_content_offset_capture(self).y - len(self._heading)
        if self.chosen is None or not self._top <= row < len(self._content):
            return
        self.action_scroll_rows(row - self.chosen)
        if event.chain > 1:
            self.call_later(self.screen.run_action, "details")

    def on_mouse_scroll_down(self) -> None:
        self.action_scroll_rows(3)

    def on_mouse_scroll_up(self) -> None:
        self.action_scroll_rows(-3)

    def on_resize(self, _event: events.Resize) -> None:
        self._paint()

    def _paint(self) -> None:
        if self.chosen is not None:
            self._top = max(self.chosen - self._room + 1, min(self._top, self.chosen))
        self._top = max(0, min(self._top, len(self._content) - self._room))
        window = self._content[self._top : self._top + self._room]
        chosen = self.chosen
        self.show_lines(
            [
                *self._heading,
                *(
                    content.chosen(chosen is not None and index == chosen)
                    for index, content in enumerate(window, self._top)
                ),
            ]
        )


class PageScreen(NodeScreen):
    """A screen of one page. Subclasses say what is in it."""

    FOLLOWS: ClassVar[bool] = False  # whether it has news that the node does not tell of
    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="back"),
        Binding("slash", "filter", "Filter", priority=True, id="filter"),
    ]

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.words = words
        self.inquiry_wanted = False
        self.inquiring = False
        self.answered = False

    @property
    def first_filter(self) -> str:
        return self.words

    def compose_content(self) -> ComposeResult:
        yield PageView(id="page")

    @property
    def page(self) -> PageView:
        return self.query_one("#page", PageView)

    async def inquire(self, records: Records) -> None:
        """Take what is shown from the node's records; called when opened, and again while open."""

    @property
    def has_rows(self) -> bool:
        """Whether lines can be chosen."""
        return False

    def heading(self, frame: Frame, width: int) -> list[Line]:
        """Give the lines that stay on top."""
        raise NotImplementedError

    def content(self, frame: Frame, width: int) -> list[Line]:
        """Give all lines."""
        raise NotImplementedError

    def hints(self) -> Sequence[KeyHint]:
        return [
            KeyHint("Esc", _("Back"), "back", brief=_("Back")),
            KeyHint("/", _("Filter"), "filter", brief=_("Filter")),
            KeyHint("?", _("Help"), "app.help", brief=_("Help")),
            KeyHint("q", _("Quit"), "app.quit_dialog", brief=_("Quit")),
        ]

    def show_content(self, frame: Frame) -> None:
        width = self.size.width - 2
        asking = [line((_("asking the node …"), "muted"))]
        lines = self.content(frame, width) if self.answered else asking
        self.page.show_page(self._filtered(self.heading(frame, width)), lines, rows=self.has_rows)

    def _filtered(self, heading: list[Line]) -> list[Line]:
        """Say in the first line what is filtered: the entry may be closed by now."""
        words = ("   / " + self.words, "accent") if self.words else ""
        return [line(*heading[0].spans, words), *heading[1:]]

    def apply_filter(self, words: str) -> None:
        self.words = words.lower()
        self.repaint()

    def passes(self, text: str) -> bool:
        """Whether a line of this text is to be shown."""
        lowered = text.lower()
        return all(word in lowered for word in self.words.split())

    def focus_content(self) -> None:
        self.page.focus()

    def action_back(self) -> None:
        """Close the filter, else the page."""
        if self.close_filter(clear=True):
            self.focus_content()
        else:
            self.dismiss()
