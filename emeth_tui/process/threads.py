"""Slow work in threads that nobody has to wait for, whoever or whatever holds it up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def in_thread(work: Callable[..., _T], *arguments: object) -> asyncio.Future[_T]:
    """Begin slow work in a thread of its own, and return what it will come to.

    Work that never ends keeps neither the loop nor the process from ending, as it would in asyncio's own
    threads. An error that nobody waits for any more is dropped.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def report(result: _T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
            outcome.exception()  # retrieved, else it would be logged where nobody waits
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

    threading.Thread(target=run, name=work.__name__, daemon=True).start()
    return outcome
