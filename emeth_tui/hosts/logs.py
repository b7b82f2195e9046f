"""The logs of links and keepers: standard error in a file of bounded size, with the one before beside it."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
from pathlib import Path

MAX_LOG_BYTES = 4 << 20  # of each of the two
_STANDARD_ERROR = 2


def opened_log(path: Path) -> int:
    """Open a log for a process that is started, a new one if it is long. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def log_to_standard_error(level: int) -> None:
    """Log to the file that standard error is, in UTC: strangers may cause lines for as long as it runs."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    handler = _BoundedLog()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])


class _BoundedLog(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error; where that is a file that has become long, a new one takes its place."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # the disk is full: the line goes where the others went
            _begin_anew_if_long()
        super().emit(record)


def _begin_anew_if_long() -> None:
    status = os.fstat(_STANDARD_ERROR)
    if not stat.S_ISREG(status.st_mode) or status.st_size <= MAX_LOG_BYTES:
        return
    path = Path(f"/proc/self/fd/{_STANDARD_ERROR}").readlink()
    if not path.is_file() or path.stat().st_ino != status.st_ino:  # it was removed
        return
    descriptor = opened_log(path)
    os.dup2(descriptor, _STANDARD_ERROR)  # what else prints there goes on in the new one
    os.close(descriptor)
