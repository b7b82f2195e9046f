"""Every setting: its value, where that comes from, what it means; and changing those that can change now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from emeth_tui.engine.settings_editor import Setting, SettingChange, SettingsView
from emeth_tui.errors import EmethError, SettingsError
from emeth_tui.foreign_text import clean
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.settings import InFile
from emeth_tui.settings import Origin
from emeth_tui.tui import why_not
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, wrap
from emeth_tui.tui.screens.page import PageScreen, PageView
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import origin_name
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

THEME = "screen.theme"
KEY_CELLS = 28
WIDE_KEY_CELLS = 38
ORIGIN_CELLS = 15
WIDE_CELLS = 110
NOTE_LINES = 2  # for what the chosen setting means, and for what is wrong
CHANGEABLE_SIGN = "~"


class SettingEntry(Input):
    """The line in which a setting is typed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.SETTING_ENTRY)


class SettingsScreen(PageScreen):
    """The settings of the node that is shown."""

    SCOPE = Scope.SETTINGS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.SETTINGS)

    def __init__(self) -> None:
        super().__init__()
        self.view = SettingsView(Path(), exists=False, settings=())
        self._shown: list[Setting] = []
        self._editing: Setting | None = None
        self._problem = ""

    def compose_content(self) -> ComposeResult:
        yield PageView(id="page")
        entry = SettingEntry(id="entry", compact=True)
        entry.cursor_blink = False
        yield entry

    async def load(self, records: Records) -> None:
        self.view = await records.settings()

    @property
    def target(self) -> Target:
        return Target(setting=self._chosen, row_count=len(self._shown))

    @property
    def scopes(self) -> set[Scope]:
        return super().scopes | ({Scope.SETTING_ENTRY} if self._editing else set())

    @property
    def footer_scope(self) -> Scope:
        return Scope.SETTING_ENTRY if self._editing else self.SCOPE

    # -- what is shown

    @property
    def has_rows(self) -> bool:
        return bool(self._shown)

    @property
    def _chosen(self) -> Setting | None:
        chosen = self.page.chosen
        return self._shown[chosen] if chosen is not None and chosen < len(self._shown) else None

    def heading(self, frame: Frame, width: int) -> list[Line]:
        where = _home_as_tilde(self.view.path)
        if not self.view.exists and not self.view.error:
            where = _("changes last for this run only: no file {path}").format(path=where)
        meaning = _(self._chosen.meaning) if self._chosen and self._chosen.meaning else ""
        note, role = self._note(frame)
        columns = "  " + left(_("setting"), _key_cells(width)) + left(_("from"), ORIGIN_CELLS) + _("value")
        return [
            line((_("Settings"), "title"), (f"   {clean(where)}", "muted")),
            *_exactly(wrap(meaning, width), NOTE_LINES),
            *_exactly(wrap(note, width, role), NOTE_LINES),
            line((columns, "muted")),
        ]

    def _note(self, frame: Frame) -> tuple[str, str]:
        """Return what is wrong, else why the chosen setting cannot be changed here, else nothing."""
        if self._problem:
            return "✗ " + self._problem, "bad"
        if self.view.error:
            return "✗ " + text_of(_without_path(self.view.error)), "bad"
        chosen = self._chosen
        if chosen is None:
            return "", ""
        if chosen.pending is not None:
            pending = chosen.pending or _("the default")
            return _("after a restart: {value}").format(value=clean(pending)), "warn"
        now = _("{sign} can be changed while the node runs").format(sign=CHANGEABLE_SIGN)
        reason = why_not.change_setting(frame, Target(setting=chosen))
        return text_of(reason) if reason else now, "muted"

    def content(self, frame: Frame, width: int) -> list[Line]:
        pairs = [(setting, self._line(setting, width)) for setting in self.view.settings]
        pairs = [(s, content) for s, content in pairs if self.passes(f"{content.text} {_(s.meaning)}")]
        self._shown = [setting for setting, _content in pairs]
        lines = [content for _setting, content in pairs]
        return lines or [line((_("no setting matches the filter"), "muted"))]

    def _line(self, setting: Setting, width: int) -> Line:
        sign = CHANGEABLE_SIGN if setting.at_run_time else " "
        own = setting.origin is not Origin.DEFAULT
        pending = "" if setting.pending is None else f"  ! {clean(setting.pending) or '–'}"
        return fit(
            line(
                (f"{sign} ", "accent"),
                (left(setting.key, _key_cells(width)), "" if setting.at_run_time else "muted"),
                (left(origin_name(setting.origin.value), ORIGIN_CELLS), "accent" if own else "faint"),
                (_shown_value(setting), "title" if own else "" if setting.value else "muted"),
                (pending, "warn"),
            ),
            width,
        )

    # -- changing

    def change_chosen(self) -> None:
        """Change the chosen setting: what has few values takes the next one, else a line opens."""
        setting = self._chosen
        if setting is None:
            return
        choices = sorted(self.host.themes) if setting.key == THEME else setting.choices
        if choices:
            after = choices.index(setting.value) + 1 if setting.value in choices else 0
            self._set(setting, choices[after % len(choices)])
        else:
            self._open_entry(setting)

    def take_default(self) -> None:
        """Take the chosen setting's default again."""
        if self._chosen is not None:
            self._set(self._chosen, "")

    def reload_file(self) -> None:
        """Read the settings file again."""
        self._run(_("reading the settings file …"), self.host.node.reload_settings)

    def set_value(self) -> None:
        """Set what the line holds."""
        if self._editing is not None:
            self._set(self._editing, self.query_one("#entry", Input).value)

    def _set(self, setting: Setting, text: str) -> None:
        doing = _("setting {key} …").format(key=setting.key)
        self._run(doing, lambda: self.host.node.change_setting(setting.key, text))

    def _run(self, doing: str, command: Callable[[], Awaitable[Sequence[SettingChange]]]) -> None:
        async def run() -> str:
            try:
                changes = await command()
                if any(change.key == "keys" for change in changes):
                    self.host.use_keys((await self.host.node.records.settings()).keys)
            except EmethError as error:
                reason = _without_path(error.reason)
                self._problem = text_of(reason)
                self.repaint()
                raise SettingsError(reason) from error
            self.close_entry()
            self.host.take_setting_changes(changes)
            self.reload()
            return self._summary(changes)

        self.host.runner.start(doing, run)

    def _summary(self, changes: Sequence[SettingChange]) -> str:
        if not changes:
            return _("nothing has changed")
        parts = [f"{change.key}: {change.before or '–'} → {change.after or '–'}" for change in changes]
        waiting = sum(not change.in_effect for change in changes)
        if waiting:
            parts.insert(0, _("{n} changed, {waiting} after a restart").format(n=len(parts), waiting=waiting))
        return "; ".join(clean(text) for text in parts)

    # -- the entry line

    def _open_entry(self, setting: Setting) -> None:
        self._editing, self._problem = setting, ""
        entry = self.query_one("#entry", Input)
        entry.placeholder = _("{key}: leave empty for the default").format(key=setting.key)
        entry.value = setting.value
        entry.cursor_position = len(setting.value)
        entry.add_class("-open")
        entry.focus()
        self.repaint()

    def close_entry(self) -> None:
        """Close the entry line; the setting stays as it is."""
        self._editing, self._problem = None, ""
        self.query_one("#entry", Input).remove_class("-open")
        self.focus_content()
        self.repaint()

    def go_back(self) -> None:
        """Close the entry line, else the filter, else the page."""
        if self._editing is not None:
            self.close_entry()
        else:
            super().go_back()


def _key_cells(width: int) -> int:
    return WIDE_KEY_CELLS if width >= WIDE_CELLS else KEY_CELLS


def _exactly(lines: list[Line], count: int) -> list[Line]:
    return [*lines, *[BLANK] * count][:count]


def _home_as_tilde(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _without_path(reason: Reason) -> Reason:
    """Leave out the file's name, which stands in the heading."""
    return reason.problem if isinstance(reason, InFile) else reason


def _shown_value(setting: Setting) -> str:
    """Return a setting's value; in brackets what applies where it has none."""
    in_place = f"({clean(setting.in_place)})" if setting.in_place else "–"
    return clean(setting.value) or in_place
