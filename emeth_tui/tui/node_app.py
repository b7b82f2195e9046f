"""An application on a node: takes the node's news in, hands frames to the screen on top, echoes commands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from textual.driver import Driver

from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import EmethError
from emeth_tui.model import Event, Job
from emeth_tui.tui.drawing.driver import PatientDriver
from emeth_tui.tui.drawing.themed_app import ThemedApp
from emeth_tui.tui.frame import Frame, FrameMaker
from emeth_tui.tui.node_front import Ending, NodeFront, ScreenOptions
from emeth_tui.tui.panels.keys import Echo
from emeth_tui.tui.screens.base import NodeScreen, PageScreen
from emeth_tui.words.reasons import reason_text
from emeth_tui.words.translation import _

REFRESH_S = 0.25  # at most four pictures a second
QUIET_REFRESH_S = 1.0  # clocks and countdowns go on when nothing happens
ECHO_S = 4.0
logger = logging.getLogger(__name__)


class NodeApp(ThemedApp[Ending]):
    """Knows the node and the newest frame of it."""

    def __init__(
        self, node: NodeFront | None, options: ScreenOptions, on_shown: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(options)
        self._node = node
        self._on_shown = on_shown
        self.frame: Frame | None = None
        self._maker = FrameMaker()
        self._news = True
        self._painted_at = 0.0
        self._inquired_at = 0.0
        self._echo: Echo | None = None
        self._echo_until = 0.0
        self._under_way: set[asyncio.Future[str]] = set()

    # -- the node's news

    def get_driver_class(self) -> type[Driver]:
        """Take the driver that never makes the node wait for the terminal."""
        return PatientDriver

    def on_mount(self) -> None:
        if self._node is not None:
            self.show_node(self._node)
        self.set_interval(REFRESH_S, self._tick)
        self._tick()
        if self.theme_error:
            self.echo(self.theme_error, "bad")

    def on_ready(self) -> None:
        self.screen.call_after_refresh(self._on_shown)

    @property
    def node(self) -> NodeFront:
        """The node; to be asked for only once there is a frame of it."""
        if self._node is None:
            raise RuntimeError("the node has not started yet")
        return self._node

    def show_node(self, node: NodeFront) -> None:
        """Show a node that was still starting when the screen came up."""
        self._node = node
        self.run_worker(self._follow(), name="news", exit_on_error=True)
        self.refresh_now()
        if node.viewed_pid is not None:
            text = _("a node runs here already, as process {pid}: a read-only view of it")
            self.echo(text.format(pid=node.viewed_pid))

    async def _follow(self) -> None:
        """Note that there is news; what it is stands in the next snapshot."""

        loop = asyncio.get_running_loop()
        rest_at = loop.time()
        with contextlib.closing(self.node.subscribe()) as stream:
            async for item in stream:
                self._news = True
                if isinstance(item, Event) or loop.time() < rest_at:
                    continue
                await asyncio.sleep(REFRESH_S)  # progress is coalesced meanwhile
                rest_at = loop.time() + REFRESH_S / 10

    def take_in(self, snapshot: Snapshot) -> None:
        """Take in a picture without showing it: speeds and forecasts are known from several."""
        self.frame = self._maker.make(snapshot, self._node.viewed_pid if self._node else None)

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
        if isinstance(screen, PageScreen) and (news or screen.FOLLOWS):
            if now - self._inquired_at >= QUIET_REFRESH_S:
                self.inquire_for(screen)
            else:
                self._news = True
        if isinstance(screen, NodeScreen):
            screen.show_frame(self.frame)

    def repaint(self) -> None:
        """Paint the screen on top from the frame that is there."""
        if isinstance(self.screen, NodeScreen):
            self.screen.repaint()

    def inquire_for(self, screen: PageScreen) -> None:
        """Give a page what it shows of the node's records."""
        if self._node is None:
            return
        self._inquired_at = time.monotonic()
        screen.inquiry_wanted = True
        if not screen.inquiring:
            screen.inquiring = True
            self.run_worker(self._inquire(screen), name="inquiry")

    async def _inquire(self, screen: PageScreen) -> None:
        """Ask for a page until nobody wants newer answers. They come at once, or through a socket."""
        try:
            while screen.inquiry_wanted:
                screen.inquiry_wanted = False
                await screen.inquire(self.node.records)
                screen.answered = True
        except EmethError as error:
            self.echo(str(error), "bad")
        finally:
            screen.inquiring = False
        if screen.is_current:  # the answer may come when all screens are gone
            screen.repaint()

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
        if self.screen_stack and isinstance(self.screen, NodeScreen) and self.screen.ready:
            self.screen.update_keys()

    @property
    def chosen_job(self) -> Job | None:
        return self.screen.target_job if isinstance(self.screen, NodeScreen) else None

    def refused(self, refusal: str) -> bool:
        if refusal:
            self.echo(refusal, "warn")
        return bool(refusal)

    def do(self, text: str, command: Callable[[], None]) -> None:
        """Echo a command and run it; the node tells the result as an event."""
        self.echo(text)
        try:
            command()
        except EmethError as error:
            self.echo(reason_text(str(error)), "bad")
        self.refresh_now()

    def start(self, text: str, command: Callable[[], Awaitable[str]]) -> None:
        """Echo a command that takes its time, run it beside the screen, and echo how it went.

        With "" as text nothing is echoed but an error.
        """
        if text:
            self.echo(text)

        async def run() -> None:
            # What is under way at the node goes on when the screen is left in the middle of it.
            under_way = asyncio.ensure_future(command())
            self._under_way.add(under_way)
            under_way.add_done_callback(self._done)
            try:
                outcome = await asyncio.shield(under_way)
                if text and outcome:
                    self.echo(outcome, "good")
            except EmethError as error:
                self.echo(reason_text(str(error)), "bad")
            self._news = True

        self.run_worker(run(), name=text)

    def _done(self, command: asyncio.Future[str]) -> None:
        self._under_way.discard(command)
        if not command.cancelled() and (error := command.exception()) is not None:
            logger.warning("a command failed: %s", error)
