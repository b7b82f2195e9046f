"""Running the application against the stand-in, and reading the screen as text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from msgspec import structs
from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.strip import Strip

from emeth_tui.control.client import RemoteNode, local_node
from emeth_tui.control.server import serve_control
from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.node_front import Ending, ScreenOptions
from tests.tui.stand_in import StandInNode

SMALL = (80, 24)
LARGE = (160, 45)
LIMIT_S = 60.0  # bounds a hang
OPTIONS = ScreenOptions(themes_directory=Path("no such directory"), language="en")
ATTACHED = structs.replace(OPTIONS, attached=True)
READ_ONLY = structs.replace(ATTACHED, read_only=True)


@asynccontextmanager
async def shown(
    node: StandInNode, size: tuple[int, int] = LARGE, options: ScreenOptions = OPTIONS
) -> AsyncIterator[Pilot[Ending]]:
    """Show a node in this process."""
    app = EmethApp(node, options)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield pilot


@asynccontextmanager
async def attached(
    node: StandInNode, directory: Path, size: tuple[int, int] = LARGE, options: ScreenOptions = ATTACHED
) -> AsyncIterator[Pilot[Ending]]:
    """Show a node over its control socket, as another process would."""
    remote = local_node(directory, os.getpid)
    async with serve_control(directory, node):
        first: asyncio.Future[RemoteNode] = asyncio.get_running_loop().create_future()
        following = asyncio.create_task(remote.run(first))
        try:
            async with EmethApp(await first, options).run_test(size=size) as pilot:
                await settled(pilot)
                yield pilot
        finally:
            if not following.done():  # the node is still there, and notices that the screen leaves
                following.cancel()
                await asyncio.wait({following})
                await asyncio.wait_for(node.screen_left.wait(), LIMIT_S)


async def press(pilot: Pilot[Ending], *keys: str) -> None:
    """Press keys one after the other, each when the one before has been dealt with."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


async def settled(pilot: Pilot[Ending]) -> None:
    """Wait until the commands that run beside the screen have ended and everything is painted."""
    app: Any = pilot.app
    await pilot.pause()
    running = [worker for worker in app.workers if worker.name != "news" and not worker.is_finished]
    if running:
        await app.workers.wait_for_complete(running)
    app.refresh_now()
    await pilot.pause()
    await pilot.pause()


async def until(pilot: Pilot[Ending], shows: Callable[[str], object]) -> None:
    """Wait until the screen shows what a node in another process says by itself, when it has rested."""
    with anyio.fail_after(LIMIT_S):
        while not shows(text_of(pilot)):
            await asyncio.sleep(0.01)
            await settled(pilot)


def strips_of(pilot: Pilot[Any]) -> list[Strip]:
    """Render the screen, with what is seen behind a dialog."""
    visible_screen_stack.set(pilot.app._background_screens)
    return pilot.app.screen._compositor.render_strips()


def text_of(pilot: Pilot[Ending]) -> str:
    """Read the screen as text, as a terminal shows it."""
    return "\n".join(strip.text.rstrip() for strip in strips_of(pilot)) + "\n"


def last_line(pilot: Pilot[Ending]) -> str:
    return text_of(pilot).splitlines()[-1]
