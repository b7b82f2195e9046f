"""Running the screen beside a node: until the node ends, the user leaves, or the terminal hangs up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.drawing.driver import PatientDriver, believe_the_terminal
from emeth_tui.tui.node_front import Ending, NodeFront, ScreenOptions
from emeth_tui.words.translation import language_of_locale, set_language
from emeth_tui.workers.local import prepare_spawning


async def run_screen(
    node: NodeFront | asyncio.Future[Any],
    engine: asyncio.Future[Any],
    options: ScreenOptions,
    *,
    detach_from_terminal: Callable[[], None],
    on_shown: Callable[[], None] = lambda: None,
) -> Ending:
    """Show a node that runs in `engine`, and say why the screen is gone. Neither is `engine` stopped here
    nor its error raised: the caller goes on with it.

    A future in place of `node` is one that starts while the screen is up already; should that fail, `engine`
    is expected to end with the error.

    `on_shown` is called once the first picture is on its way to the terminal: what takes the processor for
    longer had better begin then.

    On SIGHUP `detach_from_terminal` is called, which points the standard streams at /dev/null; that stays so
    when the screen is gone.
    """
    believe_the_terminal()
    set_language(options.language or language_of_locale())
    if not options.read_only:
        prepare_spawning()  # of workers, which a look has none of
    started = node if isinstance(node, asyncio.Future) else None
    app = EmethApp(None if isinstance(node, asyncio.Future) else node, options, on_shown)

    def node_started(future: asyncio.Future[NodeFront]) -> None:
        if not future.cancelled() and future.exception() is None:
            app.call_later(app.show_node, future.result())

    def node_ended(_engine: asyncio.Future[Any]) -> None:
        app.exit(Ending.NODE_ENDED)

    def hang_up(_signal: int, _frame: object) -> None:
        # Python's own handler, not the loop's: it has to be done before that of SIGCONT, which comes with it.
        detach_from_terminal()
        PatientDriver.forget_the_terminal()
        loop.call_soon_threadsafe(app.exit, Ending.HUNG_UP)

    def later_hang_up(_signal: int, _frame: object) -> None:
        detach_from_terminal()

    loop = asyncio.get_running_loop()
    loop.remove_signal_handler(signal.SIGHUP)
    signal.signal(signal.SIGHUP, hang_up)
    engine.add_done_callback(node_ended)
    if started is not None:
        started.add_done_callback(node_started)
    try:
        ending = await app.run_async()
    finally:
        engine.remove_done_callback(node_ended)
        if started is not None:
            started.remove_done_callback(node_started)
        signal.signal(signal.SIGHUP, later_hang_up)
    if engine.done():
        return Ending.NODE_ENDED
    return ending or Ending.CRASHED
