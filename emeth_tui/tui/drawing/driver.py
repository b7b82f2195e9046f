"""A terminal driver under which a terminal that accepts no output never blocks the event loop.

The engine runs on the same loop. Textual's own driver passes output to a thread through a short queue and
waits when that is full: for ever if the terminal is gone and the thread has died, for minutes if an SSH
connection stalls. Here output that does not fit is dropped, and the screen repainted once there is room.
"""

from __future__ import annotations

import os
import signal
import sys
from queue import Full
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

CLOSE_WITHIN_S = 1.0  # for the last output, on a slow terminal


def ignore_size_variables() -> None:
    """Take the screen's size from the terminal alone.

    A shell may export COLUMNS and LINES. Textual prefers them, and they stay what they were when the
    terminal is resized.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


class PatientDriver(LinuxDriver):
    """Textual's driver, without the waiting."""

    missed_output = False

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        if sys.__stderr__ is None or not sys.__stderr__.isatty():
            self._file = sys.__stdout__  # stderr may be redirected: Textual would draw the screen there

    def write(self, data: str) -> None:
        """Queue output, or drop it when there is no room or no thread to write it."""
        writer = self._writer_thread
        if writer is None or not writer.is_alive():
            return
        try:
            writer._queue.put_nowait(data)
        except Full:
            self.missed_output = True

    def caught_up(self) -> bool:
        """Return True once when output was dropped and there is room again."""
        writer = self._writer_thread
        if not self.missed_output or writer is None or not writer._queue.empty():
            return False
        self.missed_output = False
        return True

    def close(self) -> None:
        """Stop the thread if possible; it does not keep the program from exiting."""
        writer = self._writer_thread
        if writer is None or not writer.is_alive():
            return
        try:
            writer._queue.put(None, timeout=CLOSE_WITHIN_S)
        except Full:
            return
        writer.join(CLOSE_WITHIN_S)

    @staticmethod
    def ignore_continue() -> None:
        """Ignore SIGCONT, which the kernel sends right after SIGHUP.

        Textual would take it for a return to the foreground and reopen the terminal, which is gone.
        """
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
