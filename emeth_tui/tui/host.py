"""The application as its screens and panels see it: they know this protocol, not the application itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from emeth_tui.engine.settings_editor import SettingChange
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.model import JobId, JournaledTransaction
    from emeth_tui.tui.drawing.glyphs import Glyphs
    from emeth_tui.tui.drawing.themes import Theme
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.keymap import Keymap
    from emeth_tui.tui.node_front import NodeFront, ScreenOptions
    from emeth_tui.tui.parts.command_runner import CommandRunner
    from emeth_tui.tui.parts.footer_note import FooterNote


class Pages(Protocol):
    """Opens pages (parts.pages)."""

    def open(self, name: str) -> None: ...
    def open_job(self, job_id: JobId) -> None: ...
    def open_history(self, words: str) -> None: ...
    def open_transaction(self, transaction: JournaledTransaction) -> None: ...
    def open_request(self, followed: FollowedJob) -> None: ...
    def open_log(self, name: str, job_id: JobId) -> None: ...
    def ask_export(self, name: str, rows: int, text: Callable[[], str]) -> None: ...


class Host(Protocol):
    """What stands around every screen of a node (app.EmethApp)."""

    options: ScreenOptions
    glyphs: Glyphs
    colourless: bool
    keymap: Keymap
    note: FooterNote
    runner: CommandRunner

    @property
    def themes(self) -> Mapping[str, Theme]: ...
    @property
    def pages(self) -> Pages: ...
    @property
    def frame(self) -> Frame | None:
        """The newest frame, None before the first one."""

    @property
    def node(self) -> NodeFront:
        """The node. Raise RuntimeError before there is a frame of it."""

    def act(self, action_id: str) -> None:
        """Do something of the table, or say in the footer why it cannot be done."""

    def update_keys(self) -> None:
        """Paint the footer of the screen on top."""

    def repaint(self) -> None:
        """Paint the screen on top from the frame that is there."""

    def use_keys(self, changes: Mapping[str, Sequence[str]]) -> None:
        """Take other keys, by an action's id, from now on. Raise SettingsError."""

    def take_setting_changes(self, changes: Sequence[SettingChange]) -> None:
        """Look and speak as changed settings say."""


def host_of(widget: MessagePump) -> Host:
    """Return the application around a screen or a widget of a node."""
    return cast("Host", widget.app)
