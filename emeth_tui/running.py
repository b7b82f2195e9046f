"""A node and its front end, from settings to exit code; or a look at the node that runs here already."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.errors import AlreadyRunning, EmethError, ExitCode

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.engine.money.summary import Summary
    from emeth_tui.engine.node import Node
    from emeth_tui.settings import Layers, Network, Settings
    from emeth_tui.shell import Shell
    from emeth_tui.store.database import Store
    from emeth_tui.tui.node_front import Ending, ScreenOptions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a node is made of."""

    layers: Layers
    settings: Settings
    network: Network
    open_wallet: Callable[[], Wallet]
    exit_after_jobs: int | None
    with_screen: bool
    come_back: str  # the command that shows this node
    shell: Shell | None = None  # None where no shell waits for its terminal


def look_at_running_node(settings: Settings, come_back: str, *, with_screen: bool) -> ExitCode | None:
    """Show the node that runs on this state already, until the user leaves; None when there is none.

    `come_back` is the command that does it again.
    Raises AlreadyRunning where there is no screen to show it on, ControlError when it cannot be looked at.
    """
    from emeth_tui.store.lock import already_running, lock_holder

    holder = lock_holder(settings.state_dir)
    if holder is None:
        return None
    if not with_screen:
        raise AlreadyRunning(already_running(settings.state_dir, holder))
    from emeth_tui.headless import let_the_terminal_go
    from emeth_tui.tui.remote_view import view_node

    options = _screen_options(settings)
    holds = partial(lock_holder, settings.state_dir)
    view = view_node(settings.control_dir, holds, options, let_the_terminal_go=let_the_terminal_go)
    ended = asyncio.run(view)
    click.echo(ended.text if ended.node_ended else f"{ended.text}; `{come_back}` shows it again", err=True)
    return ExitCode.OK


def run_node(run: Run) -> ExitCode:
    """Run a node until it ends. Raises EmethError when it cannot start or go on."""
    try:
        return asyncio.run(_node(run))
    except EmethError as error:
        logger.error("%s", error)  # there may be no terminal any more to tell it on
        raise


async def _node(run: Run) -> ExitCode:
    from emeth_tui.headless import cancel_on_signals, handle_hang_up, print_summary, run_headless
    from emeth_tui.model import Severity
    from emeth_tui.store.database import Store
    from emeth_tui.tui.node_front import Ending

    handle_hang_up()
    if run.shell is not None:
        _hang_up_without(run.shell)
    log = run.settings.log
    with Store(run.settings.state_dir) as store:
        started: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        shown = asyncio.Event()
        engine = asyncio.create_task(_work(run, store, started, shown))
        cancel_on_signals(engine)
        ending = await _show(run, started, engine, shown.set) if run.with_screen else None
        shown.set()
        if ending is Ending.GIVEN_UP:
            engine.cancel()
            await asyncio.wait({engine})
            return ExitCode.OK
        both: set[asyncio.Future[Any]] = {started, engine}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if engine.cancelled():
            return ExitCode.INTERRUPTED
        if ending is Ending.NODE_ENDED or not started.done():
            summary = await engine
            print_summary(summary, sys.stdout)
        else:
            summary = await run_headless(
                started.result(), engine, log_format=log.format, level=Severity(log.level)
            )
    stopped_early = run.exit_after_jobs is not None and summary.verified < run.exit_after_jobs
    return ExitCode.INTERRUPTED if stopped_early else ExitCode.OK


def _hang_up_without(shell: Shell) -> None:
    """Take the end of the process that stands between shell and node for the end of the terminal."""
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        loop.remove_reader(shell)
        os.kill(os.getpid(), signal.SIGHUP)

    loop.add_reader(shell, hang_up)


async def _work(run: Run, store: Store, started: asyncio.Future[Node], shown: asyncio.Event) -> Summary:
    """Open a node, hand it to whoever waits for it, and run it to its end; nothing before `shown`."""
    await shown.wait()
    # In threads: seconds of imports and key derivation, while the screen takes keys.
    wallet = await asyncio.to_thread(run.open_wallet)
    await asyncio.to_thread(_load_engine)
    from emeth_tui.control.server import serve_control
    from emeth_tui.engine.gpus.default_devices import devices_or_default
    from emeth_tui.engine.opening import open_node
    from emeth_tui.headless import handle_signals

    opening = open_node(
        run.settings,
        run.network,
        wallet,
        store,
        devices=devices_or_default(run.settings.workers.devices),
        layers=run.layers,
        exit_after_jobs=run.exit_after_jobs,
    )
    async with opening as node, serve_control(run.settings.control_dir, node):
        handle_signals(node)
        started.set_result(node)
        return await node.run()


def _load_engine() -> None:
    """Import what takes long, so that the next import of it takes nothing."""
    import emeth_tui.control.server
    import emeth_tui.engine.gpus.default_devices
    import emeth_tui.engine.opening  # noqa: F401


async def _show(
    run: Run,
    started: asyncio.Future[Node],
    engine: asyncio.Task[Summary],
    on_shown: Callable[[], None],
) -> Ending:
    """Show the screen until it is gone, and say how the node goes on without it."""
    from emeth_tui.headless import let_the_terminal_go
    from emeth_tui.tui.node_front import Ending
    from emeth_tui.tui.run import run_screen

    ending = await run_screen(
        started,
        engine,
        _screen_options(run.settings),
        let_the_terminal_go=let_the_terminal_go,
        on_shown=on_shown,
    )
    if ending is Ending.CRASHED:
        click.echo(f"the screen has crashed; its log is in {run.settings.state_dir / 'logs'}", err=True)
    if ending in {Ending.LEFT, Ending.CRASHED}:
        in_background = run.shell is not None
        click.echo(where_the_node_is(os.getpid(), run.come_back, in_background=in_background), err=True)
    if run.shell is not None and ending in {Ending.LEFT, Ending.CRASHED, Ending.HUNG_UP}:
        asyncio.get_running_loop().remove_reader(run.shell)
        run.shell.give_back(let_the_terminal_go)
    return ending


def where_the_node_is(pid: int, come_back: str, *, in_background: bool) -> str:
    """Say where a node goes on without a screen, how to see it again and how to stop it."""
    if in_background:
        return (
            f"the node goes on in the background (process {pid}): `{come_back}` shows it, "
            f"`kill {pid}` saves every job and stops it"
        )
    return (
        f"the node goes on here without a screen (process {pid}): Ctrl-C saves every job and stops it, "
        f"closing this terminal does not; `{come_back}` in another terminal shows it"
    )


def _screen_options(settings: Settings) -> ScreenOptions:
    from emeth_tui.tui.node_front import ScreenOptions

    return ScreenOptions(
        themes_directory=settings.source.parent / "themes",
        exports_directory=settings.state_dir / "exports",
        theme=settings.screen.theme,
        language=settings.screen.language,
        ascii_only=settings.screen.ascii,
    )
