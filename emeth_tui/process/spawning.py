"""What has to be done beside a screen so that processes can be spawned."""

from __future__ import annotations

import contextlib
import sys


def prepare_spawning() -> None:
    """Start multiprocessing's helper process. Must be called in the thread of the UI, before the first spawn.

    Inside a running Textual application the first spawn would fail: the helper inherits the descriptor of
    `sys.stderr`, in whose place the application has put something that has none.
    """
    from multiprocessing import resource_tracker  # late: the screen comes up without it

    with contextlib.redirect_stderr(sys.__stderr__):
        resource_tracker.ensure_running()
