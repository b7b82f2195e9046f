"""Run again what has ended, ever more seldom while it ends soon."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio

from emeth_tui.backoff import Backoff

RESTARTS = Backoff(1.0, 30.0)
log = logging.getLogger(__name__)


async def keep_running(run_once: Callable[[], Awaitable[None]], what: str) -> NoReturn:
    """Run a link, as the log calls it, again and again until this is cancelled."""
    failures = 0
    while True:
        began = time.monotonic()
        await run_once()
        failures = 1 if time.monotonic() - began > RESTARTS.longest_s else failures + 1
        log.warning("%s ended", what)
        await anyio.sleep(RESTARTS.delay_s(failures))
