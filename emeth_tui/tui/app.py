"""The application: it puts its parts together, keeps time, and does what the table of actions says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.screen import Screen
from textual.widgets import Input

from emeth_tui.tui.action import Action, Scope
from emeth_tui.tui.actions import BY_ID, palette_actions
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.driver import PatientDriver
from emeth_tui.tui.drawing.themed_app import ThemedApp
from emeth_tui.tui.keymap import Keymap
from emeth_tui.tui.node_front import Ending, NodeFront, ScreenOptions
from emeth_tui.tui.parts.command_runner import CommandRunner
from emeth_tui.tui.parts.footer_note import FooterNote
from emeth_tui.tui.parts.node_commands import NodeCommands
from emeth_tui.tui.parts.node_feed import REFRESH_S, NodeFeed
from emeth_tui.tui.parts.pages import PageOpener
from emeth_tui.tui.parts.palette import Palette
from emeth_tui.tui.parts.request_commands import RequestCommands
from emeth_tui.tui.screens.base import NodeScreen
from emeth_tui.tui.screens.dashboard import Dashboard
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _, speak

if TYPE_CHECKING:
    from emeth_tui.engine.settings_editor import SettingChange
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.settings import Settings
    from emeth_tui.tui.drawing.themes import Theme
    from emeth_tui.tui.frame import Frame

logger = logging.getLogger(__name__)


class EmethApp(ThemedApp[Ending]):
    """The screen of one node. It owns nothing of the node: however it ends, the node goes on."""

    CSS_PATH = Path(__file__).parent / "drawing" / "styles" / "app.tcss"
    TITLE = "emeth-tui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.EVERYWHERE)

    def __init__(
        self, node: NodeFront | None, options: ScreenOptions, on_shown: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(options)
        self._on_shown = on_shown
        self.keymap = Keymap(options.keys)
        self.feed = NodeFeed(node, read_only=options.read_only)
        self.note = FooterNote(self.update_keys, self._page_on_top)
        self.runner = CommandRunner(self.note, self._start_task, self.refresh_now)
        self.commands = NodeCommands(self)
        self.requesting = RequestCommands(self)
        self.pages = PageOpener(self, options, self.runner)

    def get_default_screen(self) -> Screen[object]:
        return Dashboard()

    def get_driver_class(self) -> type[Driver]:
        """Take the driver that never makes the node wait for the terminal."""
        return PatientDriver

    def on_mount(self) -> None:
        self.set_keymap(self.keymap.changes)
        if self.feed.node is not None:
            self.show_node(self.feed.node)
        self.set_interval(REFRESH_S, self._tick)
        self._tick()

    def on_ready(self) -> None:
        self.screen.call_after_refresh(self._shown)

    def _shown(self) -> None:
        """Go on once the first picture is on its way to the terminal."""
        if self.theme_error:
            self.note.show(self.theme_error, "bad")
        self._on_shown()

    # -- the node and its news

    @property
    def frame(self) -> Frame | None:
        return self.feed.frame

    @property
    def node(self) -> NodeFront:
        if self.feed.node is None:
            raise RuntimeError("the node has not started yet")
        return self.feed.node

    def show_node(self, node: NodeFront) -> None:
        """Show a node that was still starting when the screen came up."""
        self.feed.node = node
        self.run_worker(self.feed.follow(node), name="news", exit_on_error=True)
        self.run_worker(self.feed.keep_series(node), name="news", exit_on_error=True)
        if (settings := self.options.alerts) is not None and settings().alerts.terminal:
            self.run_worker(self._show_alerts(node, settings), name="alerts")
        self.refresh_now()
        if node.attached_to is not None:
            text = _("attached to the node that runs already, as process {pid}")
            self.note.show(text.format(pid=node.attached_to.pid))

    async def _show_alerts(self, node: NodeFront, settings: Callable[[], Settings]) -> None:
        from emeth_tui.alerts.on_terminal import alerts_on_terminal

        async with alerts_on_terminal(settings, node, self._send_to_terminal):
            await asyncio.Event().wait()  # until the screen is gone

    def _send_to_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    def take_in(self, snapshot: Snapshot) -> None:
        """Take in a picture without showing it."""
        self.feed.take_in(snapshot)

    def refresh_now(self) -> None:
        """Paint what is new without waiting for the next quarter of a second."""
        self.feed.has_news = True
        self._tick()

    def _tick(self) -> None:
        """Paint a new picture if there is anything new in it."""
        if not self.screen_stack:
            return  # the application ends
        if isinstance(self._driver, PatientDriver) and self._driver.caught_up():
            self.screen.refresh(layout=True)  # what was dropped may have been anywhere
        self.note.expire()
        if not self.feed.due:
            return
        had_news = self.feed.advance()
        screen = self.screen
        if isinstance(screen, PageScreen) and (had_news or screen.FOLLOWS) and not screen.reload_if_due():
            self.feed.has_news = True
        if isinstance(screen, NodeScreen):
            screen.show_frame(self.frame)

    def repaint(self) -> None:
        if isinstance(self.screen, NodeScreen):
            self.screen.repaint()

    def update_keys(self) -> None:
        """Paint the footer of the screen on top."""
        if self.screen_stack and isinstance(self.screen, NodeScreen) and self.screen.ready:
            self.screen.update_keys()

    def _page_on_top(self) -> NodeScreen | None:
        """Return the screen that shows a footer now, under a dialog as well."""
        pages = [screen for screen in self.screen_stack if isinstance(screen, NodeScreen)]
        return pages[-1] if pages else None

    def _start_task(self, task: Coroutine[Any, Any, None], name: str) -> None:
        self.run_worker(task, name=name)

    def _handle_exception(self, error: Exception) -> None:
        logger.error("the screen broke: %s; the node goes on without it", error, exc_info=error)
        super()._handle_exception(error)
        self._exit_renderables.clear()  # the log has the traceback; the terminal gets a sentence (tui.run)

    # -- actions

    @property
    def target(self) -> Target:
        """What the keys act on: what is chosen on the screen on top."""
        return self.screen.target if isinstance(self.screen, NodeScreen) else Target()

    def act(self, action_id: str) -> None:
        action = BY_ID[action_id]
        if self.screen.is_modal:
            return
        reason = action.reason_against(self.frame, self.target)
        if reason and not (action.explains_itself and self.frame):
            self.note.show(text_of(reason), "warn")
        else:
            action.perform(self)

    def action_act(self, action_id: str) -> None:
        """Do what a key stands for."""
        self.act(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the key that opens the filter to a line of text that has the focus."""
        return not (parameters == ("filter",) and isinstance(self.focused, Input))

    def action_command_palette(self) -> None:
        """Open the palette, asking in the interface's language."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """List for the palette what can be done on a screen, and every theme."""
        if isinstance(screen, NodeScreen):
            for action in palette_actions(screen.scopes):
                yield self._palette_entry(action, screen.target)
        for theme in self.themes.values():
            text = _("Theme: {title}").format(title=_(theme.title))
            yield SystemCommand(text, _("show in these colours"), partial(self.use_theme, theme))

    def _palette_entry(self, action: Action, target: Target) -> SystemCommand:
        title, reason = _(action.help), action.reason_against(self.frame, target)
        note = _("key {key}").format(key=self.keymap.shown(action))
        if reason:
            title, note = f"✗ {title}", _("not now: {reason}").format(reason=text_of(reason))
        return SystemCommand(title, note, partial(self.call_later, self.act, action.id))

    # -- themes and settings

    def take_setting_changes(self, changes: Sequence[SettingChange]) -> None:
        for change in changes:
            if change.key == "screen.language":
                speak(change.after)
            elif change.key == "screen.theme" and change.after in self.themes:
                self.use_theme(self.themes[change.after])

    def use_keys(self, changes: Mapping[str, Sequence[str]]) -> None:
        self.keymap = Keymap(changes)
        self.set_keymap(self.keymap.changes)
        self.update_keys()

    def use_next_theme(self) -> None:
        """Take the next theme."""
        self.use_theme(self.next_theme())

    def use_theme(self, theme: Theme) -> None:
        """Show everything in another theme, at once."""
        if self.colourless:
            self.note.show(_("NO_COLOR is set: there are no colours to change"), "warn")
            return
        self.set_palette(theme)
        self.note.show(_("theme: {title}").format(title=_(theme.title)))
