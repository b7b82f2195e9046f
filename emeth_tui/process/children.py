"""Child processes that are never left behind: what was started is ended and waited for, if cancelled too."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio

from emeth_tui.process.finishing import seen_through


async def start_child(*words: str, **options: Any) -> asyncio.subprocess.Process:
    """Start a child as `asyncio.create_subprocess_exec` does, for `end_child` to end. Raise OSError."""
    started: list[asyncio.subprocess.Process] = []

    async def start() -> None:
        process = await asyncio.create_subprocess_exec(*words, **options)
        # A child that is gone shows in the end of its output. Python 3.10 and early releases of 3.11 log a
        # traceback besides if something is written to it, since nobody waits for the pipe to close.
        process._protocol._stdin_closed.add_done_callback(_seen)  # type: ignore[attr-defined]  # no public way
        started.append(process)

    try:
        await seen_through(start())
    except asyncio.CancelledError:
        for process in started:
            await end_child(process)
        raise
    return started[0]


def _seen(closed: asyncio.Future[None]) -> None:
    """Have asyncio know that the error of a future is not a surprise."""
    if not closed.cancelled():
        closed.exception()


async def end_child(process: asyncio.subprocess.Process, patience_s: float = 0.0) -> None:
    """Wait until a child has ended, and kill one that takes longer than so many seconds."""
    await seen_through(_end(process, patience_s))


async def _end(process: asyncio.subprocess.Process, patience_s: float) -> None:
    try:
        if patience_s and process.returncode is None:
            with anyio.move_on_after(patience_s):
                await process.wait()
    finally:
        # Kills it, and closes its pipes, which asyncio keeps open until they are read to their end.
        process._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way
    await process.wait()
