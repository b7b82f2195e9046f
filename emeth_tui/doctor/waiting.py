"""Waiting for what several checks need once, and for slow work in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
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


async def in_thread(work: Callable[..., _T], *arguments: object) -> _T:
    """Run slow work in a thread of its own. One that never ends keeps neither a check nor the exit."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def report(result: _T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, raised = None, None
        try:
            result = work(*arguments)
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(report, result, raised)

    threading.Thread(target=run, name=f"doctor: {work.__name__}", daemon=True).start()
    return await outcome


def _look_at_error(task: asyncio.Future[_T]) -> None:
    if not task.cancelled():
        task.exception()  # it is reported by those who wait, if there still are any
