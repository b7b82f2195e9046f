"""The composition root: settings become a node with one front end, or a view of the node that is running.

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
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from emeth_tui.errors import AlreadyRunning, EmethError, ExitCode
from emeth_tui.process.garbage import collect_as_usual
from emeth_tui.streams import LineWriter, narrate

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.control.ssh import SshLine
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
    from emeth_tui.tui.remote_view import ViewEnded

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a node needs."""

    layers: Layers
    settings: Settings
    network: Network
    open_wallet: Callable[[], Wallet]
    exit_after_jobs: int | None
    with_screen: bool
    show_command: str  # the command that shows this node again
    shell: Shell | None = None  # None where no shell waits for the terminal
    manager: ServiceManager | None = None  # None where no service manager wants to hear of it
    journal: Journal | None = None  # None where what is printed does not go to systemd's
    alerts: AlertSecrets | None = None  # None where nobody is to hear of what happens
    ssh_agent: str = ""  # the socket of an agent that ssh may ask


def view_running_node(
    settings: Settings, show_command: str, *, with_screen: bool, read_only: bool
) -> ExitCode | None:
    """Attach a screen to the node that runs on this state until the user leaves; None when there is none.

    `show_command` is the command that shows it again. With `read_only`, or the setting, the screen gives no
    commands. Raise AlreadyRunning without a screen to show it on, and ControlError when it cannot be
    shown.
    """
    from emeth_tui.store.lock import lock_holder

    holder = lock_holder(settings.state_dir)
    if holder is None:
        return None
    if not with_screen:
        from emeth_tui.notices.reasons.start import NodeRuns

        raise AlreadyRunning(NodeRuns(settings.state_dir, holder))
    from emeth_tui.control.client import local_node
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.tui.remote_view import view_node

    options = _attached_options(settings, read_only=read_only)
    remote = local_node(settings.control_dir, partial(lock_holder, settings.state_dir))
    ended = asyncio.run(view_node(remote, options, detach_from_terminal=detach_from_terminal))
    narrate(ended.text if ended.node_ended else f"{ended.text}; `{show_command}` shows it again")
    return ExitCode.OK


async def view_node_over_ssh(line: SshLine, settings: Settings, *, read_only: bool) -> ViewEnded:
    """Attach a screen to the node on another machine, once ssh has asked what it has to ask.

    Raise SshError, LineDropped, NotRunning or ControlError.
    """
    from emeth_tui.control.client import RemoteNode
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.store.lock import UNKNOWN_PID
    from emeth_tui.tui.remote_view import view_node

    remote = RemoteNode(line.again, lambda: UNKNOWN_PID, line.host)
    await remote.open(line.first)
    try:
        options = _attached_options(settings, read_only=read_only)
        return await view_node(remote, options, detach_from_terminal=detach_from_terminal)
    finally:
        await remote.close()


async def view_account(network: Network, address: str, settings: Settings) -> None:
    """Show an account of a network on the screen, from the chain alone, until the user leaves.

    Raise WrongChain or ContractMissing where the endpoint serves another network.
    """
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.process.signals import on_signal
    from emeth_tui.tui.run import run_screen
    from emeth_tui.watching.watch import AccountWatch

    watch = AccountWatch(network, address)
    reading = asyncio.create_task(watch.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, reading.cancel)
    options = replace(_attached_options(settings, read_only=True), attached=True, alerts=None)
    try:
        await run_screen(watch, reading, options, detach_from_terminal=detach_from_terminal)
    finally:
        reading.cancel()
        await asyncio.wait({reading})
    if not reading.cancelled():
        reading.result()


def run_node(run: Run) -> ExitCode:
    """Run a node until it ends. Raise EmethError when it cannot start or go on."""
    try:
        return asyncio.run(run_until_end(run))
    except EmethError as error:
        logger.error("%s", error)  # the terminal may be gone by now
        raise


async def run_until_end(run: Run) -> ExitCode:
    """Run a node in this event loop until it ends. Raise EmethError when it cannot start or go on."""
    from emeth_tui.engine.clock import ChainClock
    from emeth_tui.engine.events import EventLog
    from emeth_tui.headless import cancel_on_signals, handle_hang_up, print_events, print_summary
    from emeth_tui.model import Severity
    from emeth_tui.store.database import Store
    from emeth_tui.tui.node_front import Ending

    handle_hang_up()
    if run.shell is not None:
        _hang_up_with(run.shell)
    log = run.settings.log
    with contextlib.closing(LineWriter(sys.stdout)) as output, Store(run.settings.state_dir) as store:
        started: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        shown = asyncio.Event()
        clock = ChainClock()
        events = EventLog(store.events, clock.now_unix_s)
        engine = asyncio.create_task(_run_engine(run, store, events, clock, started, shown))
        cancel_on_signals(engine)
        ending = await _run_screen(run, started, engine, shown.set) if run.with_screen else None
        if (body := _screen_gone(ending)) is not None:
            events.publish(body)
        shown.set()
        if ending is Ending.GIVEN_UP:
            engine.cancel()
            await asyncio.wait({engine})
            return ExitCode.OK
        if ending is Ending.NODE_ENDED:
            await asyncio.wait({engine})
        else:
            stream = events.subscribe(from_start=not started.done())  # what no screen has shown yet
            level = Severity(log.level)
            from emeth_tui.alerts.on_terminal import (
                alerts_on_terminal,
            )  # late: the screen need not wait for it

            async with alerts_on_terminal(run.settings, events, output.send):
                await print_events(
                    stream, engine, output=output, log_format=log.format, level=level, journal=run.journal
                )
        if engine.cancelled():
            return ExitCode.INTERRUPTED
        summary = engine.result()
        if ending is Ending.NODE_ENDED or log.format == "text":
            print_summary(summary, output)
    stopped_early = run.exit_after_jobs is not None and summary.verified < run.exit_after_jobs
    return ExitCode.INTERRUPTED if stopped_early else ExitCode.OK


def _hang_up_with(shell: Shell) -> None:
    """Treat the end of the process between the shell and the node as the end of the terminal."""
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        loop.remove_reader(shell)
        os.kill(os.getpid(), signal.SIGHUP)

    loop.add_reader(shell, hang_up)


async def _run_engine(
    run: Run,
    store: Store,
    events: EventLog,
    clock: ChainClock,
    started: asyncio.Future[Node],
    shown: asyncio.Event,
) -> Summary:
    """Open a node once `shown` is set, resolve `started` with it, and run it to its end."""
    await shown.wait()
    # In threads: imports and key derivation take seconds, and the screen must keep taking keys.
    wallet = await asyncio.to_thread(run.open_wallet)
    await asyncio.to_thread(_load_engine)
    collect_as_usual()
    from emeth_tui.control.server import serve_control
    from emeth_tui.engine.gpus.default_devices import devices_or_default
    from emeth_tui.engine.opening import open_node
    from emeth_tui.headless import handle_signals
    from emeth_tui.logs import reopen_log_file
    from emeth_tui.metrics.server import serve_metrics
    from emeth_tui.supervised import supervised

    opening = open_node(
        run.settings,
        run.network,
        wallet,
        store,
        events=events,
        clock=clock,
        devices=devices_or_default(run.settings.workers.devices),
        layers=run.layers,
        exit_after_jobs=run.exit_after_jobs,
        ssh_agent=run.ssh_agent,
    )
    with contextlib.closing(events):
        async with (
            opening as node,
            serve_control(run.settings.control_dir, node) as control,
            serve_metrics(run.settings.metrics.listen, node, events),
            _serve_alerts(run, node, wallet, store, events, clock),
            supervised(run.manager, node),
        ):
            store.when_rebuilt(reopen_log_file)
            store.when_rebuilt(control.listen_again)
            handle_signals(node)
            started.set_result(node)
            return await node.run()


def _serve_alerts(
    run: Run, node: Node, wallet: Wallet, store: Store, events: EventLog, clock: ChainClock
) -> AbstractAsyncContextManager[None]:
    from emeth_tui.alerts.alerting import serve_alerts

    return serve_alerts(
        run.alerts,
        lambda: node.settings,
        address=wallet.address,
        network=run.network.name,
        events=events,
        store=store,
        now=clock.now_unix_s,
    )


def _load_engine() -> None:
    """Import the slow modules, so that importing them again costs nothing."""
    import emeth_tui.control.server
    import emeth_tui.engine.gpus.default_devices
    import emeth_tui.engine.opening  # noqa: F401


async def _run_screen(
    run: Run,
    started: asyncio.Future[Node],
    engine: asyncio.Task[Summary],
    on_shown: Callable[[], None],
) -> Ending:
    """Show the screen until it is gone, and print how the node goes on without it."""
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.tui.node_front import Ending
    from emeth_tui.tui.run import run_screen

    ending = await run_screen(
        started,
        engine,
        _screen_options(run.settings),
        detach_from_terminal=detach_from_terminal,
        on_shown=on_shown,
    )
    if ending is Ending.CRASHED:
        narrate(f"the screen has crashed; its log is in {run.settings.state_dir / 'logs'}")
    if ending in {Ending.LEFT, Ending.CRASHED}:
        in_background = run.shell is not None
        narrate(left_running_notice(os.getpid(), run.show_command, in_background=in_background))
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


def left_running_notice(pid: int, show_command: str, *, in_background: bool) -> str:
    """Return a line on where a node runs without its screen, how to see it again and how to stop it."""
    if in_background:
        return (
            f"the node keeps running in the background (process {pid}): `{show_command}` shows it, "
            f"`kill {pid}` saves every job and stops it"
        )
    return (
        f"the node keeps running here without the screen (process {pid}): Ctrl-C saves every job and stops "
        f"it, closing this terminal does not; `{show_command}` in another terminal shows it"
    )


def _attached_options(settings: Settings, *, read_only: bool) -> ScreenOptions:
    return replace(_screen_options(settings), read_only=read_only or settings.screen.read_only)


def _screen_options(settings: Settings) -> ScreenOptions:
    from emeth_tui.tui.node_front import ScreenOptions
    from emeth_tui.tui.terminal import needs_ascii

    return ScreenOptions(
        themes_directory=settings.source.parent / "themes",
        exports_directory=settings.state_dir / "exports",
        theme=settings.screen.theme,
        language=settings.screen.language,
        ascii_only=settings.screen.ascii or needs_ascii(),
        keys=settings.keys,
        alerts=settings if settings.alerts.terminal else None,
    )
