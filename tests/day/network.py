"""The network's process of a day: that of a fault's run, with the clock that is moved.

`python -m tests.day.network OPTIONS`: the options are JSON. The clock's file lies beside the network's state.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.faults.stage.settings import Layout, follow_clock

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    follow_clock(Layout(Path(given["state_dir"]).parent).clock)
    from tests.faults.stage.network import announce, options, run

    run(options(Path(given.pop("state_dir")), **given), announce, until_input_ends=True)
