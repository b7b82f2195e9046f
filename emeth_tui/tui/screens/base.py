"""What every screen has: header, banner, filter line, footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input

from emeth_tui.tui.action import Scope
from emeth_tui.tui.actions import PINNED, footer_actions
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.kept_strips import Ground
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.host import Host, host_of
from emeth_tui.tui.panels.banner import banner_lines
from emeth_tui.tui.panels.header import header_line
from emeth_tui.tui.panels.keys import KeyHint, hint_at, keys_line
from emeth_tui.tui.why_not import Target
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame


class KeysView(LineView):
    """The footer. A click on a key is as good as the key; a mouse that rests on one shows why it cannot."""

    def tip_at(self, x: int, y: int) -> str:
        hint = self._hint_at(x)
        return _("not now: {reason}").format(reason=hint.why_not) if hint and hint.why_not else ""

    def on_click(self, event: events.Click) -> None:
        if hint := self._hint_at(event.x):
            self.call_later(host_of(self).act, hint.action)

    def _hint_at(self, x: int) -> KeyHint | None:
        screen = self.screen
        if not isinstance(screen, NodeScreen):
            return None
        return hint_at(screen.hints(), screen.host.note.current, self.size.width, x)


class NodeScreen(Ground, Screen[Any]):
    """A screen of the node. It gets frames and repaints; it never asks the node itself."""

    AUTO_FOCUS: ClassVar[str | None] = None
    SCOPE: ClassVar[Scope]  # of its own keys
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.SCREEN)
    _keys_shown: object = None  # what the footer was drawn from

    @property
    def host(self) -> Host:
        return host_of(self)

    @property
    def target(self) -> Target:
        """What the keys act on."""
        return Target()

    @property
    def scopes(self) -> set[Scope]:
        """The scopes whose keys are heard now."""
        return {Scope.EVERYWHERE, Scope.SCREEN, Scope.ROWS, self.SCOPE}

    @property
    def footer_scope(self) -> Scope:
        """Whose keys the footer shows."""
        return self.SCOPE

    @property
    def first_filter(self) -> str:
        """What is filtered from the start."""
        return ""

    def compose_content(self) -> ComposeResult:
        raise NotImplementedError

    def hints(self) -> list[KeyHint]:
        """List the keys for the footer, with why those that can do nothing now cannot."""
        frame, target, keymap = self.host.frame, self.target, self.host.keymap
        return [
            KeyHint(
                keymap.shown(action),
                label,
                action.id,
                text_of(reason) if (reason := action.reason_against(frame, target)) else "",
                _(action.brief) if action.brief else "",
                action.id in PINNED,
            )
            for action in footer_actions(self.footer_scope)
            if (label := action.label_for(frame, target))
        ]

    def show_content(self, frame: Frame) -> None:
        """Paint what is this screen's own."""
        raise NotImplementedError

    def apply_filter(self, words: str) -> None:
        """Show only what holds these words."""

    def compose(self) -> ComposeResult:
        yield LineView(id="header")
        yield LineView(id="banner", classes="-empty")
        yield from self.compose_content()
        if self.first_filter:
            yield self._new_filter()
        yield KeysView(id="keys")

    def _new_filter(self) -> Input:
        entry = Input(self.first_filter, placeholder=_("filter"), id="filter", compact=True)
        entry.cursor_blink = False
        return entry

    @property
    def filter_line(self) -> Input | None:
        """The filter, None before it is first opened: the first paint need not wait for its styles."""
        return self.query_one_optional("#filter", Input)

    def on_mount(self) -> None:
        self.set_class(self.host.glyphs.ascii_only, "-ascii")
        self.set_class(self.host.colourless, "-colourless")

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self.repaint)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.repaint)

    def repaint(self) -> None:
        """Paint everything from the newest frame."""
        self.show_frame(self.host.frame)

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
        return self.is_mounted and self.query_one_optional("#keys") is not None

    def update_keys(self) -> None:
        """Paint the footer."""
        keys = self.hints(), self.host.note.current, self.size.width
        if keys != self._keys_shown:
            self._keys_shown = keys
            self.query_one("#keys", LineView).show_lines([keys_line(*keys)])

    def open_filter(self) -> None:
        """Open the filter line."""
        entry = self.filter_line
        if entry is None:
            entry = self._new_filter()
            self.mount(entry, before="#keys")
        entry.add_class("-open")
        self.set_focus(entry)  # now, not after the next message: what is typed on belongs to the filter

    def close_filter(self, *, clear: bool) -> bool:
        """Close the filter line, and return whether there was anything to close or clear."""
        entry = self.filter_line
        if entry is None:
            return False
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

    def go_back(self) -> None:
        """Close what is open on top."""
