"""Signals that are heard even while something holds the event loop.

The loop hears signals between two steps. A step that never ends, such as a screen that lays itself out for
ever, would make the process deaf to everything but SIGKILL: here it is interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable

STUCK_AFTER_S = 10.0
INTERRUPTIONS = 3  # then the process ends: whatever holds the loop catches them

logger = logging.getLogger(__name__)


class LoopStuck(Exception):
    """Raised in whatever holds the event loop, long after a signal has come."""


def on_signal(number: int, act: Callable[[], object], *, at_once: Callable[[], None] = lambda: None) -> None:
    """Call `act` in the running event loop on every signal of a number, and interrupt what holds the loop.

    `at_once` is called before that, in whatever the signal interrupts.
    """
    loop = asyncio.get_running_loop()
    loop.remove_signal_handler(number)

    def hear(_number: int, _frame: object) -> None:
        at_once()
        if loop.is_closed():
            _as_ever(number)
            return
        turned = threading.Event()
        loop.call_soon_threadsafe(_turn, turned, act)
        signal.signal(signal.SIGALRM, lambda _number, _frame: _interrupt(turned))
        main = threading.get_ident()  # Python runs every handler in the main thread
        threading.Thread(target=_watch, args=(turned, main, number), name="signal", daemon=True).start()

    signal.signal(number, hear)


def _as_ever(number: int) -> None:
    """Let a signal do what it does by itself, but for a hang-up: this process is ending anyway."""
    if number != signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _turn(turned: threading.Event, act: Callable[[], object]) -> None:
    turned.set()
    act()


def _watch(turned: threading.Event, main: int, number: int) -> None:
    for _interruption in range(INTERRUPTIONS):
        if turned.wait(STUCK_AFTER_S):
            return
        logger.error("the event loop has not turned for %.0f s: what holds it is interrupted", STUCK_AFTER_S)
        signal.pthread_kill(main, signal.SIGALRM)
    if not turned.wait(STUCK_AFTER_S):
        logger.error("the event loop cannot be freed: the process ends")
        os._exit(128 + number)  # workers end with their parent, and every job resumes from its checkpoint


def _interrupt(turned: threading.Event) -> None:
    if not turned.is_set():
        raise LoopStuck
