"""The application: takes a node's news in, hands scenes to the screen on top, turns keys into commands."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen

from emeth_tui.engine.snapshot import Snapshot
from emeth_tui.errors import EmethError
from emeth_tui.model import Event, Job, JobId
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui import commands
from emeth_tui.tui.driver import PatientDriver
from emeth_tui.tui.glyphs import ASCII, UNICODE
from emeth_tui.tui.i18n import _
from emeth_tui.tui.panels.keys import Echo, KeyHint
from emeth_tui.tui.ports import Ending, NodeFront, ScreenOptions
from emeth_tui.tui.scene import Scene, SceneMaker
from emeth_tui.tui.screens.base import NodeScreen, PageScreen
from emeth_tui.tui.screens.dashboard import Dashboard
from emeth_tui.tui.screens.decline import decline_dialog
from emeth_tui.tui.screens.help import HelpScreen
from emeth_tui.tui.screens.job import JobScreen
from emeth_tui.tui.screens.leave import Leave, leave_dialog
from emeth_tui.tui.screens.log import LogScreen
from emeth_tui.tui.screens.tables import HistoryScreen, MarketScreen, TransactionsScreen
from emeth_tui.tui.themes import Palette, Theme, load_themes, pick
from emeth_tui.tui.widgets import LineView
from emeth_tui.tui.words import emt

REFRESH_S = 0.25  # at most four pictures a second
QUIET_REFRESH_S = 1.0  # clocks and countdowns go on when nothing happens
ECHO_S = 4.0
logger = logging.getLogger(__name__)


class EmethApp(App[Ending], inherit_bindings=False):
    """The screen of one node. It owns nothing of the node: however it ends, the node goes on."""

    CSS_PATH = Path(__file__).parent / "styles" / "app.tcss"
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
        Binding("t", "theme", "Theme", id="theme"),
    ]

    def __init__(self, node: NodeFront | None, options: ScreenOptions) -> None:
        # Without colours, Textual may not turn ANSI into greys of its own: they are colours too.
        self.colourless = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if self.colourless else None)
        self._node = node
        self.options = options
        self.glyphs = ASCII if options.ascii_only else UNICODE
        self.scene: Scene | None = None
        self._maker = SceneMaker()
        self._news = True
        self._painted_at = 0.0
        self._inquired_at = 0.0
        self._echo: Echo | None = None
        self._echo_until = 0.0
        self._sixteen = self.console.color_system in {"standard", None}
        self._themes, theme_error = _themes_or_ours(options)
        self._set_palette(self._first_theme(options.theme))
        self._first_echo = theme_error

    # -- the node's news

    def get_driver_class(self) -> type[Driver]:
        """Take the driver that never makes the node wait for the terminal."""
        return PatientDriver

    def get_default_screen(self) -> Screen[object]:
        return Dashboard()

    def on_mount(self) -> None:
        if self._node is not None:
            self.show_node(self._node)
        self.set_interval(REFRESH_S, self._tick)
        self._tick()
        if self._first_echo:
            self.echo(self._first_echo, "bad")

    @property
    def node(self) -> NodeFront:
        """The node; to be asked for only once there is a scene of it."""
        if self._node is None:
            raise RuntimeError("the node has not started yet")
        return self._node

    def show_node(self, node: NodeFront) -> None:
        """Show a node that was still starting when the screen came up."""
        self._node = node
        self.run_worker(self._follow(), name="news", exit_on_error=True)
        self.refresh_now()

    async def _follow(self) -> None:
        """Note that there is news; what it is stands in the next snapshot."""

        loop = asyncio.get_running_loop()
        rest_at = loop.time()
        async for item in self.node.subscribe():
            self._news = True
            if isinstance(item, Event) or loop.time() < rest_at:
                continue
            await asyncio.sleep(REFRESH_S)  # progress is coalesced meanwhile
            rest_at = loop.time() + REFRESH_S / 10

    def take_in(self, snapshot: Snapshot) -> None:
        """Take in a picture without showing it: speeds and forecasts are known from several."""
        self.scene = self._maker.make(snapshot)

    def refresh_now(self) -> None:
        """Paint what is new without waiting for the next quarter of a second."""
        self._news = True
        self._tick()

    def _tick(self) -> None:
        """Paint a new picture if there is anything new in it."""
        now = time.monotonic()
        if isinstance(self._driver, PatientDriver) and self._driver.caught_up():
            self.screen.refresh(layout=True)  # what was dropped may have been anywhere
        if self._echo is not None and now >= self._echo_until:
            self._echo = None
            self.update_keys()
        if self._node is None or (
            not self._news and now - self._painted_at < QUIET_REFRESH_S - REFRESH_S / 2
        ):
            return
        news, self._news, self._painted_at = self._news, False, now
        self.take_in(self.node.snapshot())
        screen = self.screen
        if isinstance(screen, PageScreen) and (news or isinstance(screen, LogScreen)):
            if now - self._inquired_at >= QUIET_REFRESH_S:
                self.inquire_for(screen)
            else:
                self._news = True
        if isinstance(screen, NodeScreen):
            screen.show_scene(self.scene)

    def repaint(self) -> None:
        """Paint the screen on top from the scene that is there."""
        if isinstance(self.screen, NodeScreen):
            self.screen.repaint()

    def inquire_for(self, screen: PageScreen) -> None:
        """Give a page what it shows of the node's records."""
        if self._node is None:
            return
        self._inquired_at = time.monotonic()
        screen.inquire(self.node.inquiries)

    def _handle_exception(self, error: Exception) -> None:
        logger.error("the screen broke: %s; the node goes on without it", error, exc_info=error)
        super()._handle_exception(error)
        self._exit_renderables.clear()  # the log has the traceback; the terminal gets a sentence (tui.run)

    # -- keys and echoes

    @property
    def current_echo(self) -> Echo | None:
        return self._echo

    def echo(self, text: str, role: str = "accent") -> None:
        """Say in the footer, for a moment, what a key has set off."""
        self._echo = Echo(text, role)
        self._echo_until = time.monotonic() + ECHO_S
        self.update_keys()

    def update_keys(self) -> None:
        if isinstance(self.screen, NodeScreen) and self.screen.ready:
            self.screen.update_keys()

    def job_hints(self, job: Job | None) -> Sequence[KeyHint]:
        """List the keys, with why those that can do nothing now cannot."""
        scene = self.scene
        leaving = [
            KeyHint("?", _("Help"), "app.help", brief=_("Help")),
            KeyHint("q", _("Quit"), "app.quit_dialog", brief=_("Quit")),
        ]
        if scene is None:
            return leaving
        job_paused = bool(job and job.paused)
        pause = _("Resume") if job_paused else _("Pause")
        claims_paused = bool(scene.snapshot.claims_paused)
        claims = _("Resume claiming") if claims_paused else _("Pause claiming")
        return [
            KeyHint("p", pause, "app.pause", commands.pause_refusal(scene, job), pause),
            KeyHint("P", claims, "app.claims", commands.claims_refusal(scene), _("Claims")),
            KeyHint("f", _("Finish, then pause"), "app.finish", commands.finish_refusal(scene), _("Finish")),
            KeyHint("D", _("Decline"), "app.decline", commands.decline_refusal(scene, job), _("Decline")),
            KeyHint("w", _("Withdraw"), "app.withdraw", commands.withdraw_refusal(scene), _("Withdraw")),
            KeyHint("/", _("Filter"), "filter", brief=_("Filter")),
            KeyHint("t", _("Theme"), "app.theme"),
            *leaving,
            KeyHint("h", _("History"), "app.page('history')"),
            KeyHint("m", _("Market"), "app.page('market')"),
            KeyHint("x", _("Transactions"), "app.page('transactions')"),
            KeyHint("l", _("Log"), "app.page('log')"),
        ]

    @property
    def _target_job(self) -> Job | None:
        return self.screen.target_job if isinstance(self.screen, NodeScreen) else None

    def _refused(self, refusal: str) -> bool:
        if refusal:
            self.echo(refusal, "warn")
        return bool(refusal)

    # -- commands

    def _do(self, text: str, command: Callable[[], None]) -> None:
        """Echo a command and run it; the node tells the result as an event."""
        self.echo(text)
        try:
            command()
        except EmethError as error:
            self.echo(str(error), "bad")
        self.refresh_now()

    def _start(self, text: str, command: Callable[[], Awaitable[str]]) -> None:
        """Echo a command that takes its time, run it beside the screen, and echo how it went."""
        self.echo(text)

        async def run() -> None:
            try:
                self.echo(await command(), "good")
            except EmethError as error:
                self.echo(str(error), "bad")
            self._news = True

        self.run_worker(run(), name=text)

    def action_pause(self) -> None:
        """Pause the chosen job, or let it go on."""
        scene, job = self.scene, self._target_job
        if scene is None or self._refused(commands.pause_refusal(scene, job)) or job is None:
            return
        name = short(job.job_id)
        if job.paused:
            self._do(_("job {job} goes on …").format(job=name), lambda: self.node.resume_job(job.job_id))
        else:
            text = _("job {job} pauses at its next step …").format(job=name)
            self._do(text, lambda: self.node.pause_job(job.job_id))

    def action_claims(self) -> None:
        """Pause claiming, or take jobs again."""
        scene = self.scene
        if scene is None or self._refused(commands.claims_refusal(scene)):
            return
        if scene.snapshot.claims_paused:
            self._do(_("taking new jobs again …"), self.node.resume_claims)
        else:
            self._do(_("taking no new jobs …"), self.node.pause_claims)

    def action_finish(self) -> None:
        """Finish what is under way, then pause."""
        if self.scene is not None and not self._refused(commands.finish_refusal(self.scene)):
            self._do(_("finishing what is under way, then pausing …"), self.node.finish_then_pause)

    def action_decline(self) -> None:
        """Ask whether to decline the chosen job."""
        scene, job = self.scene, self._target_job
        if scene is not None and not self._refused(commands.decline_refusal(scene, job)) and job is not None:
            self._ask_decline(scene, [job])

    def action_decline_all(self) -> None:
        """Ask whether to decline every job that can be declined."""
        scene = self.scene
        if scene is None:
            return
        jobs = commands.declinable(scene)
        if jobs:
            self._ask_decline(scene, jobs)
        else:
            self.echo(_("no job can be declined now"), "warn")

    def _ask_decline(self, scene: Scene, jobs: Sequence[Job]) -> None:
        costs = [commands.decline_cost(scene, job) for job in jobs]

        def decide(yes: bool | None) -> None:
            if not yes:
                self.echo(_("nothing was declined"))
                return
            for job in jobs:
                text = _("declining job {job} …").format(job=short(job.job_id))
                self._start(text, partial(self._decline, job))

        self.push_screen(decline_dialog(scene, costs), decide)

    async def _decline(self, job: Job) -> str:
        await self.node.decline_job(job.job_id)
        return _("job {job} is declined").format(job=short(job.job_id))

    def action_withdraw(self) -> None:
        """Withdraw the rewards of closed days."""
        if self.scene is not None and not self._refused(commands.withdraw_refusal(self.scene)):
            self._start(_("withdrawing, one transaction a day …"), self._withdraw)

    async def _withdraw(self) -> str:
        return _("{amount} withdrawn").format(amount=emt(await self.node.withdraw()))

    def action_quit_dialog(self) -> None:
        """Ask how to leave."""
        if self.screen.is_modal:
            return

        def decide(leave: Leave | None) -> None:
            if leave is Leave.HEADLESS:
                self.exit(Ending.LEFT)
            elif leave is Leave.STOP and self._node is None:
                self.exit(Ending.GIVEN_UP)
            elif leave is Leave.DRAIN:
                self._do(_("draining …"), self.node.drain)
            elif leave is Leave.STOP:
                self._do(_("saving every job …"), self.node.request_stop)

        self.push_screen(leave_dialog(self.scene), decide)

    # -- pages

    def open_page(self, page: PageScreen) -> None:
        """Show a page over what is there."""
        self.inquire_for(page)
        self.push_screen(page)

    def open_job(self, job_id: JobId) -> None:
        """Show all about one job."""
        self.open_page(JobScreen(job_id))

    def action_page(self, name: str) -> None:
        """Show a page by name; from another page, in its place."""
        kind = {
            "history": HistoryScreen,
            "log": LogScreen,
            "market": MarketScreen,
            "transactions": TransactionsScreen,
        }[name]
        if not isinstance(self.screen, kind):
            self.open_page(kind())

    def action_help(self) -> None:
        """Show the keys."""
        if isinstance(self.screen, NodeScreen) and not isinstance(self.screen, HelpScreen):
            self.open_page(HelpScreen(self.job_hints(self._target_job)))

    def ask_chain(self, page: JobScreen) -> None:
        """Read a page's job from the chain, beside the screen."""

        async def ask() -> str:
            try:
                page.show_chain_job(await self.node.inquiries.chain_record(page.job_id), "")
            except EmethError as error:
                page.show_chain_job(None, str(error))
                raise
            return _("read from the chain")

        self._start(_("asking the chain …"), ask)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """List everything that keys do for the palette."""
        for title, key, action in (
            (_("Pause or resume the chosen job"), "p", "pause"),
            (_("Pause or resume claiming"), "P", "claims"),
            (_("Finish what is under way, then pause"), "f", "finish"),
            (_("Decline the chosen job"), "D", "decline"),
            (_("Decline all jobs"), "A", "decline_all"),
            (_("Withdraw rewards"), "w", "withdraw"),
            (_("History of all jobs"), "h", "page('history')"),
            (_("Market"), "m", "page('market')"),
            (_("Transactions"), "x", "page('transactions')"),
            (_("Logs"), "l", "page('log')"),
            (_("Help"), "?", "help"),
            (_("Leave or quit"), "q", "quit_dialog"),
        ):
            yield SystemCommand(title, _("key {key}").format(key=key), self._runner(f"app.{action}"))
        for theme in self._themes.values():
            text = _("Theme: {title}").format(title=theme.title)
            yield SystemCommand(text, _("show in these colours"), self._theme_setter(theme))

    def _runner(self, action: str) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.run_action, action)

        return run

    def _theme_setter(self, theme: Theme) -> Callable[[], None]:
        return lambda: self.use_theme(theme)

    # -- themes

    @property
    def theme_names(self) -> list[str]:
        return sorted(self._themes)

    def action_theme(self) -> None:
        """Take the next theme."""
        names = self.theme_names
        index = names.index(self.palette.theme.name)
        self.use_theme(self._themes[names[(index + 1) % len(names)]])

    def use_theme(self, theme: Theme) -> None:
        """Show everything in another theme, at once."""
        if self.colourless:
            self.echo(_("NO_COLOR is set: there are no colours to change"), "warn")
            return
        self._set_palette(theme)
        for screen in self.screen_stack:
            for view in screen.query(LineView):
                view.refresh()
        self.echo(_("theme: {title}").format(title=theme.title))

    def _set_palette(self, theme: Theme) -> None:
        self.palette = Palette(theme, sixteen=self._sixteen, colourless=self.colourless)
        textual_theme = self.palette.textual_theme()
        self.register_theme(textual_theme)
        self.theme = textual_theme.name

    def _first_theme(self, name: str) -> Theme:
        if self.colourless:
            return self._themes["monochrome"]
        return self._themes[name]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Name the variables of our style sheet before the first theme sets them."""
        names = ("rim", "rim-focus", "bar", "label", "quiet", "chosen", "chosen-text")
        return dict.fromkeys(names, "ansi_default")


def _themes_or_ours(options: ScreenOptions) -> tuple[dict[str, Theme], str]:
    """Load all themes; when one of the user's is wrong, ours alone, and what is wrong with it."""

    try:
        themes = load_themes(options.themes_directory)
        pick(themes, options.theme)
    except EmethError as error:
        ours = load_themes(Path(os.devnull))
        return {**ours, options.theme: ours.get(options.theme, ours["dark"])}, str(error)
    return themes, ""
