"""Waiting for what several checks need once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Once(Generic[_T]):
    """Something that is made when it is first awaited; all who await it get the same, or the same error.

    One whose patience ends leaves it to the others.
    """

    def __init__(self, make: Callable[[], Awaitable[_T]]) -> None:
        self._make = make
        self._task: asyncio.Future[_T] | None = None

    async def __call__(self) -> _T:
        if self._task is None:
            self._task = asyncio.ensure_future(self._make())
            self._task.add_done_callback(_look_at_error)
        return await asyncio.shield(self._task)


def _look_at_error(task: asyncio.Future[_T]) -> None:
    if not task.cancelled():
        task.exception()  # it is reported by those who wait, if there still are any
