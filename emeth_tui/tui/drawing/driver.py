"""The terminal as the node can bear it: one that does not take output never makes the event loop wait.

The engine lives on the same loop. Textual's own driver hands output to a thread through a short queue and
waits when that is full: for ever when the thread has died of a terminal that is gone, for minutes when an SSH
connection stalls. Here output that finds no room is dropped, and the screen painted whole once there is room.
"""

from __future__ import annotations

import os
import signal
import sys
from queue import Full
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

CLOSE_WITHIN_S = 1.0  # for the last output, in a terminal that takes its time


def ignore_size_variables() -> None:
    """Take the screen's size from the terminal alone.

    A shell may export COLUMNS and LINES. Textual prefers them, and they stay what they were when the
    terminal is resized.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


class PatientDriver(LinuxDriver):
    """Textual's driver, but for the waiting."""

    missed_output = False

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        if sys.__stderr__ is None or not sys.__stderr__.isatty():
            self._file = sys.__stdout__  # somebody keeps the errors: Textual would draw the screen there

    def write(self, data: str) -> None:
        """Queue output, or drop it when there is no room or nobody to write it."""
        writer = self._writer_thread
        if writer is None or not writer.is_alive():
            return
        try:
            writer._queue.put_nowait(data)
        except Full:
            self.missed_output = True

    def caught_up(self) -> bool:
        """Tell once, when output was dropped and there is room again."""
        writer = self._writer_thread
        if not self.missed_output or writer is None or not writer._queue.empty():
            return False
        self.missed_output = False
        return True

    def close(self) -> None:
        """End the thread if it can end; it does not keep the program from ending."""
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

        Textual would take it for a return to the foreground and open the terminal anew, which is gone.
        """
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
