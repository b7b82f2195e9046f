"""The node's process of a day: the program itself, with the clock that is moved and NVML's stand-in.

It looks at pauses and devices ten times as often as it would, as the day is a thousand times as short.
`python -m tests.day.node CLOCK_FILE ARGUMENT…`: the rest are the arguments of `emeth-tui`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.stage.settings import follow_clock

LOOK_EVERY_S = 0.1


def main() -> None:
    clock, arguments = Path(sys.argv[1]), sys.argv[2:]
    follow_clock(clock)
    from tests.day import training
    from tests.day.cards import put_in_driver
    from tests.faults.stage.node import have_workers_run, shorten_waits

    shorten_waits()
    have_workers_run(training.main)
    put_in_driver(clock.with_name("cards.json"))
    _look_often()
    sys.argv[1:] = arguments
    from emeth_tui.cli import main as program

    program()


def _look_often() -> None:
    from emeth_tui.engine.machine import sensors
    from emeth_tui.engine.pauses import pauses

    pauses.LOOK_EVERY_S = LOOK_EVERY_S
    sensors.READ_EVERY_S = LOOK_EVERY_S


if __name__ == "__main__":
    main()
