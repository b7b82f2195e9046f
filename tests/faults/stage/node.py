"""The node's process in a run: the program itself, with quick workers, short waits and a clock that is set.

`python -m tests.faults.stage.node CLOCK_FILE ARGUMENT…`: the rest are the arguments of `emeth-tui`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.faults.hosts.taking_part import Part
from tests.faults.stage.settings import follow_clock

WAITS = 0.1  # of what they are, between tries: a run is short, and what matters is what is tried


def main() -> None:
    clock, arguments = Path(sys.argv[1]), sys.argv[2:]
    follow_clock(clock)
    shorten_waits()
    part = Part.read(Path.home())
    if part is not None:
        _wait_less_for_hosts(part)
    if part is None or part.quick:
        _train_quickly()
    sys.argv[1:] = arguments
    from emeth_tui.cli import main as program

    program()


def shorten_waits() -> None:
    """Have the program wait less between tries."""
    from emeth_tui.backoff import Backoff
    from emeth_tui.store import database

    database.MOVED_AFTER_WRITES = 30  # a run has few
    delay_s = Backoff.delay_s
    Backoff.delay_s = lambda self, failures: delay_s(self, failures) * WAITS  # type: ignore[method-assign]


def _wait_less_for_hosts(part: Part) -> None:
    from emeth_tui.engine.hosts import host_workers

    for name in ("SAID_AFTER_S", "MOVE_AFTER_S"):
        setattr(host_workers, name, getattr(host_workers, name) * part.limits)


def _train_quickly() -> None:
    from tests.faults.stage import quick_training

    have_workers_run(quick_training.main)


def have_workers_run(main: Any) -> None:
    """Have every worker's process run `main`."""
    from emeth_tui.workers.local import LocalProcess

    start: Any = LocalProcess.__init__
    start.__defaults__ = (*start.__defaults__[:-1], main)


if __name__ == "__main__":
    main()
