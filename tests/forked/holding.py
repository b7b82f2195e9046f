"""Training goes no further than a test says: workers of a home directory wait after an epoch."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

_NAME = "hold"
_LOOK_EVERY_S = 0.01


def hold_at(home: Path, epoch: int) -> None:
    """Have workers with this home wait once they have reported `epoch`, or a later one."""
    written = home / f".{_NAME}.new"
    written.write_text(str(epoch))
    written.replace(home / _NAME)


def go_on(home: Path) -> None:
    """Let them train to the end."""
    (home / _NAME).unlink(missing_ok=True)


def hold_training() -> None:
    """Have this process's worker wait where its home says; a job that is asked to stop waits no longer."""
    from emeth_tui.training.reports import EpochDone
    from emeth_tui.workers.process import _Child

    send = _Child._send

    def sent(child: Any, message: Any) -> None:
        send(child, message)
        if isinstance(message, EpochDone):
            while _is_held(message.epoch) and not child._control.stopping:
                time.sleep(_LOOK_EVERY_S)

    _Child._send = sent  # type: ignore[method-assign]


def _is_held(epoch: int) -> bool:
    try:
        return epoch >= int((Path(os.environ["HOME"]) / _NAME).read_text())
    except FileNotFoundError:
        return False
