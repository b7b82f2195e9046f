"""Opens pages over what is shown, and asks where an export goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from emeth_tui.errors import ExportError
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.themes import FileNotExported
from emeth_tui.tui.exports import save_new
from emeth_tui.tui.screens.base import NodeScreen
from emeth_tui.words.formats import Count, day_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.model import JobId, JournaledTransaction
    from emeth_tui.tui.node_front import ScreenOptions
    from emeth_tui.tui.parts.command_runner import CommandRunner
    from emeth_tui.tui.screens.page import PageScreen


class PageOpener:
    """Opens the pages of an application."""

    def __init__(self, app: App[Any], options: ScreenOptions, runner: CommandRunner) -> None:
        self._app = app
        self._options = options
        self._runner = runner

    def open(self, name: str) -> None:
        """Open a page by name, if it is not the one on top."""
        page = _page(name)
        if type(self._app.screen) is not type(page):
            self._app.push_screen(page)

    def open_job(self, job_id: JobId) -> None:
        """Show all about one job."""
        from emeth_tui.tui.screens.job import JobScreen

        self._app.push_screen(JobScreen(job_id))

    def open_history(self, words: str) -> None:
        """Show the jobs whose line holds some words."""
        from emeth_tui.tui.screens.tables.history import HistoryScreen

        self._app.push_screen(HistoryScreen(words))

    def open_transaction(self, transaction: JournaledTransaction) -> None:
        """Show all about one transaction."""
        from emeth_tui.tui.screens.transaction import TransactionScreen

        self._app.push_screen(TransactionScreen(transaction))

    def open_request(self, followed: FollowedJob) -> None:
        """Show all about one request."""
        from emeth_tui.tui.screens.request import RequestScreen

        self._app.push_screen(RequestScreen(followed))

    def open_log(self, name: str, job_id: JobId) -> None:
        """Show a log file, of it a job's lines."""
        from emeth_tui.tui.screens.log import LogScreen

        self._app.push_screen(LogScreen(name, job_id))

    def open_help(self) -> None:
        """Show every key, with why it can do nothing now on the screen on top."""
        from emeth_tui.tui.screens.help import HelpScreen

        screen = self._app.screen
        if isinstance(screen, NodeScreen) and not isinstance(screen, HelpScreen):
            self._app.push_screen(HelpScreen(screen.scopes, screen.target))

    def ask_export(self, name: str, rows: int, text: Callable[[], str]) -> None:
        """Ask where to write a CSV file, and write it; `text` makes it, in a thread."""
        from emeth_tui.tui.dialogs.ask_path import PathDialog

        stamp = day_of(time.time()) + time.strftime("T%H-%M-%SZ", time.gmtime())
        default = self._options.exports_directory.absolute() / f"emeth-{name}-{stamp}.csv"

        def write(path: Path | None) -> None:
            if path is not None:
                self._runner.start(_("writing {path} …").format(path=path), partial(_export, path, text))

        self._app.push_screen(
            PathDialog(_("Export {n:row|rows} as CSV").format(n=Count(rows)), default), write
        )


def _page(name: str) -> PageScreen:
    """Make a page by name. Its module is loaded when it is first opened: the first picture needs none."""
    from emeth_tui.tui.screens.graphs import GraphsScreen
    from emeth_tui.tui.screens.log import LogScreen
    from emeth_tui.tui.screens.settings import SettingsScreen
    from emeth_tui.tui.screens.tables.days import DaysScreen
    from emeth_tui.tui.screens.tables.deposits import DepositsScreen
    from emeth_tui.tui.screens.tables.disk import DiskScreen
    from emeth_tui.tui.screens.tables.history import HistoryScreen
    from emeth_tui.tui.screens.tables.hosts import HostsScreen
    from emeth_tui.tui.screens.tables.market import MarketScreen
    from emeth_tui.tui.screens.tables.network import NetworkScreen
    from emeth_tui.tui.screens.tables.requests import RequestsScreen
    from emeth_tui.tui.screens.tables.share import ShareScreen
    from emeth_tui.tui.screens.tables.transactions import TransactionsScreen

    kinds: dict[str, Callable[[], PageScreen]] = {
        "days": DaysScreen,
        "deposits": DepositsScreen,
        "disk": DiskScreen,
        "graphs": GraphsScreen,
        "history": HistoryScreen,
        "hosts": HostsScreen,
        "log": LogScreen,
        "market": MarketScreen,
        "network": NetworkScreen,
        "requests": RequestsScreen,
        "settings": SettingsScreen,
        "share": ShareScreen,
        "transactions": TransactionsScreen,
    }
    return kinds[name]()


async def _export(path: Path, text: Callable[[], str]) -> str:
    try:
        await asyncio.to_thread(lambda: save_new(path, text()))
    except OSError as error:
        raise ExportError(FileNotExported(path, system_text(error))) from error
    return _("written: {path}").format(path=path)
