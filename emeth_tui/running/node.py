"""Runs a node with one front end until it ends.

The engine runs as a task beside the screen, from before the node is connected. When the screen is gone,
whatever the reason, the node goes on without it: a dropped connection must not cost a deposit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from emeth_tui.errors import EmethError, ExitCode
from emeth_tui.process.garbage import collect_as_usual
from emeth_tui.process.spawning import prepare_spawning
from emeth_tui.streams import LineWriter, narrate

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.engine.clock import ChainClock
    from emeth_tui.engine.events import EventLog
    from emeth_tui.engine.money.summary import Summary
    from emeth_tui.engine.node import Node
    from emeth_tui.notices.notice import EventBody
    from emeth_tui.process.journal import Journal
    from emeth_tui.process.service_manager import ServiceManager
    from emeth_tui.settings import Layers, Network, Settings
    from emeth_tui.settings.alert_secrets import AlertSecrets
    from emeth_tui.shell import Shell
    from emeth_tui.store.database import Store
    from emeth_tui.tui.node_front import Ending, ScreenOptions

logger = logging.getLogger(__name__)


class Prepared(Struct, frozen=True):
    """What a node is opened with: its settings, and what was made of them."""

    layers: Layers
    settings: Settings
    network: Network
    open_wallet: Callable[[], Wallet]
    alerts: AlertSecrets | None = None  # None where nobody is to hear of what happens


class Run(Struct, frozen=True):
    """What one run of a node needs. `prepare` runs in a thread, under the screen; it raises EmethError."""

    prepare: Callable[[], Prepared]
    exit_after_jobs: int | None
    show_command: str  # the command that shows this node again
    log_directory: Path
    screen: ScreenOptions | None = None  # None without a screen
    shell: Shell | None = None  # None where no shell waits for the terminal
    manager: ServiceManager | None = None  # None where no service manager wants to hear of it
    journal: Journal | None = None  # None where what is printed does not go to systemd's
    ssh_agent: str = ""  # the socket of an agent that ssh may ask
    temporary_state: bool = False  # its directories are removed when it has ended


class _Opened(Struct, frozen=True):
    """A node's settings and state, from before it is connected."""

    prepared: Prepared
    store: Store
    clock: ChainClock
    events: EventLog


class _Start:
    """How far a start has come."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.shown = asyncio.Event()  # the first picture is on its way, or none is wanted
        self.opened: asyncio.Future[_Opened] = loop.create_future()
        self.node: asyncio.Future[Node] = loop.create_future()

    def settings(self) -> Settings:
        """Return the settings in effect."""
        runs = self.node.done() and not self.node.cancelled()
        return self.node.result().settings if runs else self.opened.result().prepared.settings


def run_node(run: Run) -> ExitCode:
    """Run a node until it ends. Raise EmethError when it cannot start or go on."""
    try:
        return asyncio.run(run_until_end(run))
    except EmethError as error:
        logger.error("%s", error)  # the terminal may be gone by now
        raise


async def run_until_end(run: Run) -> ExitCode:
    """Run a node in this event loop until it ends. Raise EmethError when it cannot start or go on."""
    from emeth_tui.headless import cancel_on_signals, handle_hang_up
    from emeth_tui.tui.node_front import Ending

    handle_hang_up()
    if run.shell is not None:
        _hang_up_with(run.shell)
    start = _Start()
    with contextlib.ExitStack() as until_end:
        engine = asyncio.create_task(_run_engine(run, start, until_end))
        cancel_on_signals(engine)
        ending = await _run_screen(run, run.screen, start, engine) if run.screen is not None else None
        start.shown.set()
        if ending is Ending.GIVEN_UP:
            engine.cancel()
            await asyncio.wait({engine})
            return ExitCode.OK
        if ending is not Ending.NODE_ENDED:
            either: set[asyncio.Future[Any]] = {engine, start.opened}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        output = until_end.enter_context(contextlib.closing(LineWriter(sys.stdout)))
        if ending is not Ending.NODE_ENDED and start.opened.done():
            await _print_until_end(run, start.opened.result(), start, engine, ending, output)
        else:
            await asyncio.wait({engine})
        if engine.cancelled():
            return ExitCode.INTERRUPTED
        summary = engine.result()
        log = start.opened.result().prepared.settings.log
        if ending is Ending.NODE_ENDED or log.format == "text":
            from emeth_tui.headless import print_summary

            print_summary(summary, output)
    stopped_early = run.exit_after_jobs is not None and summary.verified < run.exit_after_jobs
    return ExitCode.INTERRUPTED if stopped_early else ExitCode.OK


async def _print_until_end(
    run: Run,
    opened: _Opened,
    start: _Start,
    engine: asyncio.Task[Summary],
    ending: Ending | None,
    output: LineWriter,
) -> None:
    """Print what happens while no screen shows it, until the engine has ended."""
    from emeth_tui.alerts.on_terminal import alerts_on_terminal
    from emeth_tui.headless import print_events
    from emeth_tui.model import Severity

    settings, events = opened.prepared.settings, opened.events
    if (body := _screen_gone(ending)) is not None:
        events.publish(body)
    stream = events.subscribe(from_start=not start.node.done())  # what no screen has shown yet
    async with alerts_on_terminal(start.settings, events, output.send):
        await print_events(
            stream,
            engine,
            output=output,
            log_format=settings.log.format,
            level=Severity(settings.log.level),
            journal=run.journal,
        )


def _hang_up_with(shell: Shell) -> None:
    """Treat the end of the process between the shell and the node as the end of the terminal."""
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        loop.remove_reader(shell)
        os.kill(os.getpid(), signal.SIGHUP)

    loop.add_reader(shell, hang_up)


async def _run_engine(run: Run, start: _Start, until_end: contextlib.ExitStack) -> Summary:
    """Open a node once the screen is up, resolve `start.node` with it, and run it to its end."""
    await start.shown.wait()
    if run.screen is not None:
        prepare_spawning()  # of workers
    # In threads: imports and key derivation take seconds, and the screen must keep taking keys.
    opened = await _open(run, until_end)
    start.opened.set_result(opened)
    prepared, store, events, clock = opened.prepared, opened.store, opened.events, opened.clock
    wallet = await asyncio.to_thread(prepared.open_wallet)
    await asyncio.to_thread(_load_engine)
    collect_as_usual()
    from emeth_tui.control.server import serve_control
    from emeth_tui.engine.gpus.default_devices import devices_or_default
    from emeth_tui.engine.opening import open_node
    from emeth_tui.headless import handle_signals
    from emeth_tui.logs import reopen_log_file
    from emeth_tui.metrics.server import serve_metrics
    from emeth_tui.supervised import supervised

    settings = prepared.settings
    opening = open_node(
        settings,
        prepared.network,
        wallet,
        store,
        events=events,
        clock=clock,
        devices=devices_or_default(settings.workers.devices),
        layers=prepared.layers,
        exit_after_jobs=run.exit_after_jobs,
        temporary_state=run.temporary_state,
        ssh_agent=run.ssh_agent,
    )
    with contextlib.closing(events):
        async with (
            opening as node,
            serve_control(settings.control_dir, node) as control,
            serve_metrics(settings.metrics.listen, node, events),
            _serve_alerts(opened, node, wallet),
            supervised(run.manager, node),
        ):
            store.when_rebuilt(reopen_log_file)
            store.when_rebuilt(control.listen_again)
            handle_signals(node)
            start.node.set_result(node)
            return await node.run()


async def _open(run: Run, until_end: contextlib.ExitStack) -> _Opened:
    """Prepare a run and open its state, which is closed with `until_end`. Raise EmethError."""
    prepared = await asyncio.to_thread(run.prepare)
    await asyncio.to_thread(_load_store)
    from emeth_tui.engine.clock import ChainClock
    from emeth_tui.engine.events import EventLog
    from emeth_tui.store.database import Store

    store = until_end.enter_context(Store(prepared.settings.state_dir))
    clock = ChainClock()
    return _Opened(prepared, store, clock, EventLog(store.events, clock.now_unix_s))


def _serve_alerts(opened: _Opened, node: Node, wallet: Wallet) -> AbstractAsyncContextManager[None]:
    from emeth_tui.alerts.alerting import serve_alerts

    return serve_alerts(
        opened.prepared.alerts,
        lambda: node.settings,
        address=wallet.address,
        network=opened.prepared.network.name,
        events=opened.events,
        store=opened.store,
        now=opened.clock.now_unix_s,
    )


def _load_store() -> None:
    """Import what the state is opened with, as `_load_engine` does."""
    import emeth_tui.engine.clock
    import emeth_tui.engine.events
    import emeth_tui.store.database  # noqa: F401


def _load_engine() -> None:
    """Import the slow modules, so that importing them again costs nothing."""
    import emeth_tui.control.server
    import emeth_tui.engine.gpus.default_devices
    import emeth_tui.engine.opening  # noqa: F401


async def _run_screen(
    run: Run, options: ScreenOptions, start: _Start, engine: asyncio.Task[Summary]
) -> Ending:
    """Show the screen until it is gone, and print how the node goes on without it."""
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.tui.node_front import Ending
    from emeth_tui.tui.run import run_screen

    ending = await run_screen(
        start.node,
        engine,
        replace(options, alerts=start.settings),
        detach_from_terminal=detach_from_terminal,
        on_shown=start.shown.set,
    )
    if ending is Ending.CRASHED:
        narrate(f"the screen has crashed; its log is in {run.log_directory}")
    if ending in {Ending.LEFT, Ending.CRASHED}:
        in_background = run.shell is not None
        narrate(
            left_running_notice(
                os.getpid(),
                run.show_command,
                in_background=in_background,
                temporary_state=run.temporary_state,
            )
        )
    if run.shell is not None and ending in {Ending.LEFT, Ending.CRASHED, Ending.HUNG_UP}:
        asyncio.get_running_loop().remove_reader(run.shell)
        run.shell.release(detach_from_terminal)
    return ending


def _screen_gone(ending: Ending | None) -> EventBody | None:
    """Return what happened to the node's own screen, where the node goes on without it."""
    from emeth_tui.notices.events.node import ScreenBroke, ScreenLeft, TerminalGone
    from emeth_tui.tui.node_front import Ending

    if ending is Ending.LEFT:
        return ScreenLeft()
    if ending is Ending.HUNG_UP:
        return TerminalGone()
    return ScreenBroke() if ending is Ending.CRASHED else None


def left_running_notice(
    pid: int, show_command: str, *, in_background: bool, temporary_state: bool = False
) -> str:
    """Return a line on where a node runs without its screen, how to see it again and how to stop it."""
    stops = "ends it and the local network" if temporary_state else "saves every job and stops it"
    if in_background:
        return (
            f"the node keeps running in the background (process {pid}): `{show_command}` shows it, "
            f"`kill {pid}` {stops}"
        )
    return (
        f"the node keeps running here without the screen (process {pid}): Ctrl-C {stops}, "
        f"closing this terminal does not; `{show_command}` in another terminal shows it"
    )
