"""A transfer's progress: one line on stderr, at a terminal alone."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emeth_tui.words.formats import percent, size

EVERY_S = 0.1
_WIDTH = 24


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what is called with the bytes done and those in total; clear the line afterwards."""
    with share_progress(title) as show:
        yield lambda done, total: show(done / total if total else 1.0, size(done))


@contextmanager
def share_progress(title: str) -> Iterator[Callable[[float, str], None]]:
    """Yield what is called with the share done, 0 to 1, and what to say beside it; clear the line after."""
    if not sys.stderr.isatty():
        yield lambda _share, _beside: None
        return
    shown_at_s = 0.0

    def show(share: float, beside: str) -> None:
        nonlocal shown_at_s
        now_s = time.monotonic()
        if now_s - shown_at_s < EVERY_S and share < 1.0:
            return
        shown_at_s = now_s
        bar = "#" * round(_WIDTH * share)
        line = f"{title} [{bar:<{_WIDTH}}] {percent(share)} {beside}".rstrip()
        _write(line[: shutil.get_terminal_size().columns - 1])

    try:
        yield show
    finally:
        _write("")


def _write(line: str) -> None:
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()
