"""Work that a cancelled task waits for: what is begun is done.

asyncio cancels a task once; anyio's cancel scopes cancel it again and again until it has left them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

_T = TypeVar("_T")


async def seen_through(work: Coroutine[Any, Any, _T]) -> _T:
    """Do something to its end, however often this task is cancelled meanwhile, and return what it returns.

    What it raises is raised, unless asyncio has cancelled this task: then that is. What a scope of anyio has
    cancelled is so at the next await.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # retrieved, and no longer of interest
    raise cancelled
