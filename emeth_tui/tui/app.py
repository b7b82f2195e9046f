"""The application: which key does what, which page opens, what the palette lists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from emeth_tui.engine.settings_editor import SettingChange
from emeth_tui.errors import EmethError, ExportError
from emeth_tui.model import Job, JobId
from emeth_tui.tui.command_app import CommandApp
from emeth_tui.tui.csv_export import save_new
from emeth_tui.tui.dialogs.ask_path import PathDialog
from emeth_tui.tui.drawing.themes import Theme
from emeth_tui.tui.hints import job_hints
from emeth_tui.tui.panels.keys import KeyHint
from emeth_tui.tui.screens.base import NodeScreen, PageScreen
from emeth_tui.tui.screens.dashboard import Dashboard
from emeth_tui.tui.screens.days import DaysScreen
from emeth_tui.tui.screens.help import HelpScreen
from emeth_tui.tui.screens.history import HistoryScreen
from emeth_tui.tui.screens.job import JobScreen
from emeth_tui.tui.screens.log import LogScreen
from emeth_tui.tui.screens.market import MarketScreen
from emeth_tui.tui.screens.settings import SettingsScreen
from emeth_tui.tui.screens.transactions import TransactionsScreen
from emeth_tui.words.formats import day_of
from emeth_tui.words.translation import _, language_of_locale, set_language


class EmethApp(CommandApp):
    """The screen of one node. It owns nothing of the node: however it ends, the node goes on."""

    CSS_PATH = Path(__file__).parent / "drawing" / "styles" / "app.tcss"
    TITLE = "emeth-tui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit_dialog", "Quit", id="quit"),
        Binding("ctrl+c,ctrl+q", "quit_dialog", "Quit", show=False, priority=True, id="interrupt"),
        Binding("question_mark,f1", "help", "Help", id="help"),
        Binding("colon,ctrl+p", "command_palette", "Commands", id="palette"),
        Binding("p", "pause", "Pause", id="pause-job"),
        Binding("P", "claims", "Pause claiming", id="pause-claims"),
        Binding("f", "finish", "Finish, then pause", id="finish-then-pause"),
        Binding("D", "decline", "Decline", id="decline-job"),
        Binding("A", "decline_all", "Decline all", id="decline-all"),
        Binding("w", "withdraw", "Withdraw", id="withdraw"),
        Binding("l", "page('log')", "Log", id="log"),
        Binding("h", "page('history')", "History", id="history"),
        Binding("m", "page('market')", "Market", id="market"),
        Binding("x", "page('transactions')", "Transactions", id="transactions"),
        Binding("s", "page('settings')", "Settings", id="settings"),
        Binding("t", "theme", "Theme", id="theme"),
    ]

    def get_default_screen(self) -> Screen[object]:
        return Dashboard()

    def job_hints(self, job: Job | None) -> Sequence[KeyHint]:
        """List the keys, with why those that can do nothing now cannot."""
        return job_hints(self.frame, job)

    # -- pages

    def open_page(self, page: PageScreen) -> None:
        """Show a page over what is there."""
        self.inquire_for(page)
        self.push_screen(page)

    def open_job(self, job_id: JobId) -> None:
        """Show all about one job."""
        self.open_page(JobScreen(job_id))

    def open_history(self, words: str) -> None:
        """Show the jobs whose line holds some words."""
        self.open_page(HistoryScreen(words))

    def ask_export(self, name: str, rows: int, text: str) -> None:
        """Ask where to write a CSV file, and write it."""
        stamp = day_of(time.time()) + time.strftime("T%H-%M-%SZ", time.gmtime())
        default = self.options.exports_directory.absolute() / f"emeth-{name}-{stamp}.csv"

        def write(path: Path | None) -> None:
            if path is not None:
                self.start(_("writing {path} …").format(path=path), partial(self._export, path, text))

        self.push_screen(PathDialog(_("Export {n} rows as CSV").format(n=rows), default), write)

    async def _export(self, path: Path, text: str) -> str:
        try:
            await asyncio.to_thread(save_new, path, text)
        except OSError as error:
            text = _("{path}: {problem}; name another place")
            raise ExportError(text.format(path=path, problem=error.strerror)) from error
        return _("written: {path}").format(path=path)

    def action_page(self, name: str) -> None:
        """Show a page by name; from another page, in its place."""
        kind = {
            "days": DaysScreen,
            "history": HistoryScreen,
            "log": LogScreen,
            "market": MarketScreen,
            "settings": SettingsScreen,
            "transactions": TransactionsScreen,
        }[name]
        if not isinstance(self.screen, kind):
            self.open_page(kind())

    def action_help(self) -> None:
        """Show the keys."""
        if isinstance(self.screen, NodeScreen) and not isinstance(self.screen, HelpScreen):
            self.open_page(HelpScreen(self.job_hints(self.chosen_job)))

    def open_log(self, name: str) -> None:
        """Show the log files, one of them first."""
        self.open_page(LogScreen(name))

    def ask_chain(self, page: JobScreen, *, echoed: bool) -> None:
        """Read a page's job from the chain, beside the screen."""

        async def ask() -> str:
            try:
                record = await self.node.records.chain_record(page.job_id)
            except EmethError as error:
                page.show_chain_job(None, str(error))
                return ""
            unknown = "" if record else _("the chain does not know it")
            page.show_chain_job(record, unknown)
            return _("read from the chain")

        self.start(_("asking the chain …") if echoed else "", ask)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """List everything that keys do for the palette, and why some of it cannot be done now."""
        refusals = {hint.key: hint.refusal for hint in self.job_hints(self.chosen_job)}
        for title, key, action in (
            (_("Pause or resume the chosen job"), "p", "pause"),
            (_("Pause or resume claiming"), "P", "claims"),
            (_("Finish what is under way, then pause"), "f", "finish"),
            (_("Decline the chosen job"), "D", "decline"),
            (_("Decline all jobs"), "A", "decline_all"),
            (_("Withdraw rewards"), "w", "withdraw"),
            (_("History of all jobs"), "h", "page('history')"),
            (_("Earnings by day"), "h d", "page('days')"),
            (_("Market"), "m", "page('market')"),
            (_("Transactions"), "x", "page('transactions')"),
            (_("Logs"), "l", "page('log')"),
            (_("Settings"), "s", "page('settings')"),
            (_("Help"), "?", "help"),
            (_("Leave or quit"), "q", "quit_dialog"),
        ):
            refusal = refusals.get(key, "")
            note = (
                _("not now: {reason}").format(reason=refusal) if refusal else _("key {key}").format(key=key)
            )
            yield SystemCommand(f"✗ {title}" if refusal else title, note, self._runner(f"app.{action}"))
        for theme in self.themes.values():
            text = _("Theme: {title}").format(title=theme.title)
            yield SystemCommand(text, _("show in these colours"), self._theme_setter(theme))

    def take_setting_changes(self, changes: Sequence[SettingChange]) -> None:
        """Look and speak as the changed settings say."""
        for change in changes:
            if change.key == "screen.language":
                set_language(change.after or language_of_locale())
            elif change.key == "screen.theme" and change.after in self.themes:
                self.use_theme(self.themes[change.after])

    def _runner(self, action: str) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.run_action, action)

        return run

    def _theme_setter(self, theme: Theme) -> Callable[[], None]:
        return lambda: self.use_theme(theme)

    # -- themes

    def action_theme(self) -> None:
        """Take the next theme."""
        self.use_theme(self.next_theme())

    def use_theme(self, theme: Theme) -> None:
        """Show everything in another theme, at once."""
        if self.colourless:
            self.echo(_("NO_COLOR is set: there are no colours to change"), "warn")
            return
        self.set_palette(theme)
        self.echo(_("theme: {title}").format(title=theme.title))
