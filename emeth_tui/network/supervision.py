"""What the parties of a network share: they act on the mirror's changes, and survive any error."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import anyio

from emeth_tui.backoff import Backoff
from emeth_tui.errors import EmethError
from emeth_tui.network.services.mirror import JobMirror

BACKOFF = Backoff(1.0, 30.0)

_logger = logging.getLogger(__name__)


async def supervise(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a bot for ever: log what it raises, and run it again after a pause."""
    failures = 0
    while True:
        started_s = time.monotonic()
        try:
            await run()
        except EmethError as error:
            _logger.warning("%s: %s", name, error)
        except Exception:  # the top of a task: a fault in one bot must not take the network down
            _logger.exception("%s: broke", name)
        lasted_s = time.monotonic() - started_s
        failures = 1 if lasted_s > BACKOFF.longest_s else failures + 1
        wait_s = BACKOFF.delay_s(failures)
        _logger.info("%s: again in %.0f s", name, wait_s)
        await asyncio.sleep(wait_s)


async def on_news(mirror: JobMirror, act: Callable[[], Awaitable[None]], *, at_least_every_s: float) -> None:
    """Act now, after each change that the mirror sees, and after a while without one. Never return."""
    while True:
        version = mirror.version
        await act()
        with anyio.move_on_after(at_least_every_s):  # asyncio.wait_for can swallow a cancellation
            await mirror.wait_beyond(version)
