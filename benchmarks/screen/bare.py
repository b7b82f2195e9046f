"""A minimal Textual application to compare with ours: a clock that ticks four times a second."""

from __future__ import annotations

import sys
import time

from textual.app import App, ComposeResult
from textual.widgets import Static

TICK_S = 0.25


class Clock(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        yield Static("clock", id="clock")

    def on_mount(self) -> None:
        self.set_interval(TICK_S, self._tick)

    def _tick(self) -> None:
        self.query_one("#clock", Static).update(f"{time.time() % 86_400:.1f}")


if __name__ == "__main__":
    if sys.__stderr__ is not None and not sys.__stderr__.isatty():
        # Textual would draw the screen into the file of import times.
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
    Clock().run()
