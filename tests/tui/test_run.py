"""How the screen ends, and that the node does not end with it; the last tests use a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import structs
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from emeth_tui.engine.events import Subscription
from emeth_tui.model import Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import Failed
from emeth_tui.settings import settings_layers
from emeth_tui.tui import run
from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.node_front import Ending, NodeFront
from emeth_tui.tui.screens.dashboard import Dashboard
from tests.terminal import LIMIT_S, Terminal
from tests.tui.harness import LARGE, OPTIONS, press, settled, text_of
from tests.tui.stand_in import StandInNode

pytestmark = pytest.mark.process

Steps = Callable[[Pilot[Ending]], object]


class Stage:
    """Runs the screen without a terminal; `act` is called once it is up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released = 0
        self.released_again = asyncio.Event()
        self.app: EmethApp | None = None
        stage = self

        class Headless(EmethApp):
            async def run_async(self, **options: object) -> Ending | None:
                stage.app = self
                return await super().run_async(headless=True, size=LARGE, auto_pilot=stage._act)

        monkeypatch.setattr(run, "EmethApp", Headless)

    async def show(
        self,
        node: NodeFront | asyncio.Future[NodeFront],
        engine: asyncio.Future[None],
        act: Callable[[Pilot[Ending]], object],
    ) -> Ending:
        async def run_act(pilot: Pilot[Ending]) -> None:
            await settled(pilot)
            result = act(pilot)
            if asyncio.iscoroutine(result):
                await result

        self._act = run_act
        return await run.run_screen(node, engine, OPTIONS, detach_from_terminal=self._release)

    def _release(self) -> None:
        self.released += 1
        if self.released > 1:
            self.released_again.set()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    before = signal.getsignal(signal.SIGHUP)
    yield Stage(monkeypatch)
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
async def engine() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_the_screen_ends_with_the_node(
    stage: Stage, node: StandInNode, engine: asyncio.Future[None]
) -> None:
    ending = await stage.show(node, engine, lambda _pilot: engine.set_result(None))
    assert ending is Ending.NODE_ENDED


async def test_leaving_leaves_the_engine_alone(
    stage: Stage, node: StandInNode, engine: asyncio.Future[None]
) -> None:
    ending = await stage.show(node, engine, lambda pilot: pilot.press("q", "l"))
    assert ending is Ending.LEFT
    assert not engine.done()


async def test_a_hangup_lets_the_terminal_go_first_and_every_later_one_too(
    stage: Stage, node: StandInNode, engine: asyncio.Future[None]
) -> None:
    ending = await stage.show(node, engine, lambda _pilot: os.kill(os.getpid(), signal.SIGHUP))
    assert ending is Ending.HUNG_UP
    assert stage.released == 1
    os.kill(os.getpid(), signal.SIGHUP)
    await stage.released_again.wait()
    assert not engine.done()


async def test_a_broken_widget_ends_the_screen_alone_and_is_in_the_log(
    stage: Stage,
    node: StandInNode,
    engine: asyncio.Future[None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_it(pilot: Pilot[Ending]) -> None:
        monkeypatch.setattr(Dashboard, "show_content", lambda _self, _frame: 1 / 0)
        pilot.app.call_later(pilot.app.screen.repaint)  # type: ignore[attr-defined]

    with caplog.at_level(logging.ERROR):
        ending = await stage.show(node, engine, break_it)
    assert ending is Ending.CRASHED
    assert not engine.done()
    assert "the screen broke: division by zero; the node goes on without it" in caplog.text


async def test_the_screen_is_up_before_the_node(stage: Stage, engine: asyncio.Future[None]) -> None:
    starting: asyncio.Future[NodeFront] = asyncio.get_running_loop().create_future()
    pictures: list[str] = []

    async def act(pilot: Pilot[Ending]) -> None:
        pictures.append(text_of(pilot))
        await press(pilot, "p", "D", "w", "l", "escape", "question_mark", "escape", "q", "escape")
        starting.set_result(StandInNode())
        await settled(pilot)
        pictures.append(text_of(pilot))
        engine.set_result(None)

    assert await stage.show(starting, engine, act) is Ending.NODE_ENDED
    assert "connecting to the network, starting the workers …" in pictures[0]
    assert "1,240.50" in pictures[1]


async def test_a_start_can_be_given_up(stage: Stage, engine: asyncio.Future[None]) -> None:
    starting: asyncio.Future[NodeFront] = asyncio.get_running_loop().create_future()
    assert await stage.show(starting, engine, lambda pilot: pilot.press("q", "x")) is Ending.GIVEN_UP


@contextmanager
def busy_screen(seconds: float, report: Path, *through: str, **more: str) -> Iterator[Terminal]:
    """The busy screen of tests.tui.busy_screen with two workers in a pseudo-terminal.

    `through` is a command that starts it, `more` its environment's other variables.
    """
    command = [*through, sys.executable, "-m", "tests.tui.busy_screen", "2", "20", str(seconds)]
    terminal = Terminal(command, LARGE, {**os.environ, "REPORT": str(report), **more})
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.slow
def test_a_terminal_that_goes_away_leaves_the_node_at_work(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with busy_screen(600, report, SECONDS_AFTERWARDS="5") as terminal:
        terminal.wait_for("Workers")
        terminal.hang_up()
        assert terminal.wait() == 0
    seen = json.loads(report.read_text("utf-8"))
    assert seen["ending"] == "HUNG_UP"
    assert seen["reports_afterwards"] == 200  # of 2 workers, 20 times a second: it went on to the end
    assert seen["cpu_percent_afterwards"] < 20  # a screen left spinning takes a whole core


@pytest.mark.slow
def test_a_terminal_that_takes_no_output_does_not_hold_the_node_up(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with busy_screen(6, report) as terminal:
        terminal.wait_for("Workers")
        while not report.exists():  # the terminal's own buffer is full within a second
            assert terminal.process.poll() is None
            time.sleep(0.1)
        terminal.read_to_end()
        terminal.wait()
    seen = json.loads(report.read_text("utf-8"))
    assert seen["reports"] == 240  # of 2 workers, 20 times a second, 6 seconds


@pytest.mark.slow
def test_keys_work_in_a_real_terminal(tmp_path: Path) -> None:
    with busy_screen(600, tmp_path / "report.json") as terminal:
        terminal.wait_for("Workers")
        terminal.type("P")
        terminal.wait_for("Without an end")
        terminal.type("P")
        terminal.wait_for("claiming is paused")
        terminal.type("q")
        terminal.wait_for("Leave?")
        terminal.type("l")
        while b"\x1b[?1049l" not in terminal.output:  # back to the terminal's own screen
            assert terminal.read(LIMIT_S)


@pytest.mark.slow
def test_errors_kept_in_a_file_leave_the_screen_on_the_terminal(tmp_path: Path) -> None:
    errors = tmp_path / "errors.txt"
    with busy_screen(600, tmp_path / "report.json", "sh", "-c", f'exec "$@" 2>"{errors}"', "sh") as terminal:
        terminal.wait_for("Workers")
        terminal.type("q")
        terminal.wait_for("Leave?")
    assert errors.read_text("utf-8") == ""


async def test_news_after_the_last_screen_is_gone_breaks_nothing(node: StandInNode) -> None:
    app = EmethApp(node, OPTIONS)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        taken = node.snapshots_taken
        screens, app._screen_stacks["_default"] = app._screen_stacks["_default"], []
        app.refresh_now()
        app._screen_stacks["_default"] = screens
        assert node.snapshots_taken == taken


@pytest.mark.parametrize("crashes", [False, True])
async def test_the_terminal_has_its_title_back_however_the_screen_ends(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch, crashes: bool
) -> None:
    written: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda _driver, data: written.append(data))
    monkeypatch.setattr(HeadlessDriver, "close", lambda _driver: written.append("closed"))
    own = Subscription()
    subscriptions = iter([node.subscription, own])  # the screen's, and that of its alerts
    monkeypatch.setattr(node, "subscribe", lambda: next(subscriptions))
    settings = settings_layers(environment={}).combine('[alerts]\nterminal = ["title"]\n')
    app = EmethApp(node, structs.replace(OPTIONS, alerts=lambda: settings))
    with contextlib.suppress(ZeroDivisionError):
        async with app.run_test(size=LARGE) as pilot:
            own.offer_event(Event(0.0, Severity.ERROR, Failed(lost_wei=1)))
            while not any("\x1b]2;" in data for data in written):
                await pilot.pause(0.05)
            if crashes:
                app.call_later(lambda: 1 / 0)
                await pilot.pause(0.05)

    assert "\x1b[23;2t" in written[: written.index("closed")]
