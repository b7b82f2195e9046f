"""Runs the screen beside a node: until the node ends, the user leaves, or the terminal hangs up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from emeth_tui.process.signals import on_signal
from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.drawing.driver import PatientDriver, ignore_size_variables
from emeth_tui.tui.node_front import Ending, NodeFront, ScreenOptions
from emeth_tui.words.translation import speak


async def run_screen(
    node: NodeFront | asyncio.Future[Any],
    engine: asyncio.Future[Any],
    options: ScreenOptions,
    *,
    detach_from_terminal: Callable[[], None],
    on_shown: Callable[[], None] = lambda: None,
) -> Ending:
    """Show a node that runs in `engine`, and return why the screen is gone.

    `engine` is neither stopped here nor is its error raised: the caller goes on with it. A future in place of
    `node` is a node that is still starting; if that fails, `engine` is expected to end with the error.

    `on_shown` is called once the first picture is on its way to the terminal: long work should begin then.
    `detach_from_terminal`, which points the standard streams at /dev/null, is called on SIGHUP, also on one
    that comes after the screen is gone.
    """
    ignore_size_variables()
    speak(options.language)
    app = EmethApp(None if isinstance(node, asyncio.Future) else node, options, on_shown)
    with _following(app, node, engine), _hanging_up(app, detach_from_terminal):
        ending = await app.run_async()
    if engine.done():
        return Ending.NODE_ENDED
    return ending or Ending.CRASHED


@contextmanager
def _following(
    app: EmethApp, node: NodeFront | asyncio.Future[Any], engine: asyncio.Future[Any]
) -> Iterator[None]:
    """Show a starting node as soon as it has started, and end the screen when the engine ends."""

    def node_started(future: asyncio.Future[NodeFront]) -> None:
        if not future.cancelled() and future.exception() is None:
            app.call_later(app.show_node, future.result())

    def node_ended(_engine: asyncio.Future[Any]) -> None:
        app.exit(Ending.NODE_ENDED)

    engine.add_done_callback(node_ended)
    if isinstance(node, asyncio.Future):
        node.add_done_callback(node_started)
    try:
        yield
    finally:
        engine.remove_done_callback(node_ended)
        if isinstance(node, asyncio.Future):
            node.remove_done_callback(node_started)


@contextmanager
def _hanging_up(app: EmethApp, detach_from_terminal: Callable[[], None]) -> Iterator[None]:
    """End the screen on SIGHUP; later ones only detach from the terminal."""

    def let_go() -> None:
        # At once, not in the loop: it must come before the handler of SIGCONT, which follows.
        detach_from_terminal()
        PatientDriver.ignore_continue()

    on_signal(signal.SIGHUP, partial(app.exit, Ending.HUNG_UP), at_once=let_go)
    try:
        yield
    finally:
        on_signal(signal.SIGHUP, lambda: None, at_once=detach_from_terminal)
