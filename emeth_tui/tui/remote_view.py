"""The screen of a node that runs in another process, over its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from emeth_tui.control.client import Attachment, RemoteNode
from emeth_tui.process.signals import on_signal
from emeth_tui.tui.node_front import Ending, NodeFront, ScreenOptions
from emeth_tui.tui.run import run_screen


@dataclass(frozen=True, slots=True)
class ViewEnded:
    """How a view ended, as one line of text."""

    text: str
    node_ended: bool


async def view_node(
    remote: RemoteNode, options: ScreenOptions, *, detach_from_terminal: Callable[[], None]
) -> ViewEnded:
    """Show a node in another process until the user leaves or the node ends.

    Raise ControlError when the node cannot be shown, or no longer.
    """
    first: asyncio.Future[RemoteNode] = asyncio.get_running_loop().create_future()
    front: NodeFront = remote  # a future hides its type: this line checks it
    following = asyncio.create_task(remote.run(first))
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, following.cancel)
    try:
        ending = await run_screen(
            first, following, replace(options, attached=True), detach_from_terminal=detach_from_terminal
        )
        node = f"the node ({_place(front.attached_to)})"
        if following.done() and not following.cancelled():
            last_words = following.result()
            ended = f"{node} has ended"
            return ViewEnded(f"{ended}: {last_words}" if last_words else ended, node_ended=True)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({following})
    crashed = "the screen has crashed; " if ending is Ending.CRASHED else ""
    return ViewEnded(f"{crashed}{node} goes on", node_ended=False)


def _place(node: Attachment | None) -> str:
    if node is None:
        return "process ?"
    process = f"process {node.pid or '?'}"
    return f"{process} on {node.host}" if node.host else process
