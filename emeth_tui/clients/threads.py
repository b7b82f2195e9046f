"""File work in threads that a cancelled task waits for: no file is closed while a thread still uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from emeth_tui.process.finishing import seen_through

_T = TypeVar("_T")


async def run_to_end(work: Callable[..., _T], *arguments: object) -> _T:
    """Run a function in a thread; a caller that is cancelled waits until it has returned."""
    return await seen_through(asyncio.to_thread(work, *arguments))
