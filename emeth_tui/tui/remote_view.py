"""The screen of a node that runs in another process: a read-only view over its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from emeth_tui.control.client import RemoteNode
from emeth_tui.process.signals import on_signal
from emeth_tui.tui.node_front import Ending, NodeFront, ScreenOptions
from emeth_tui.tui.run import run_screen


@dataclass(frozen=True, slots=True)
class ViewEnded:
    """How a view ended, as one line of text."""

    text: str
    node_ended: bool


async def view_node(
    directory: Path,
    holder: Callable[[], int | None],
    options: ScreenOptions,
    *,
    detach_from_terminal: Callable[[], None],
) -> ViewEnded:
    """Show the node whose control socket lies in `directory` until the user leaves or the node ends.

    `holder` returns the process that holds the state lock, which is the node. Raise ControlError when the
    node cannot be viewed, or no longer.
    """
    first: asyncio.Future[RemoteNode] = asyncio.get_running_loop().create_future()
    remote = RemoteNode(directory, holder)
    front: NodeFront = remote  # a future hides its type: this line checks it
    following = asyncio.create_task(remote.run(first))
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, following.cancel)
    try:
        ending = await run_screen(
            first, following, replace(options, read_only=True), detach_from_terminal=detach_from_terminal
        )
        if following.done() and not following.cancelled():
            ended = f"the node (process {front.viewed_pid}) has ended"
            last_words = following.result()
            return ViewEnded(f"{ended}: {last_words}" if last_words else ended, node_ended=True)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({following})
    crashed = "the view has crashed; " if ending is Ending.CRASHED else ""
    return ViewEnded(f"{crashed}the node goes on (process {front.viewed_pid})", node_ended=False)
