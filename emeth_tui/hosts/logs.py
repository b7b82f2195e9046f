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
_BEFORE = ".1"


def opened_log(path: Path) -> int:
    """Open a log for a process that is started, a new one if it is long. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(path.name + _BEFORE))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def log_to_standard_error(level: int) -> None:
    """Log to the file that standard error is, in UTC: strangers may cause lines for as long as it runs."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    handler = _BoundedLog()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])


class _BoundedLog(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error; where that is a file that has become long, what it holds goes to the one before.

    Both files are opened at once and not again, which a link may not do once it is confined.
    """

    def __init__(self) -> None:
        super().__init__()
        self._files = _log_and_before()

    def emit(self, record: logging.LogRecord) -> None:
        if self._files is not None:
            with contextlib.suppress(OSError):  # the disk is full: what the log held is lost
                _begin_anew_if_long(*self._files)
        super().emit(record)


def _log_and_before() -> tuple[int, int] | None:
    """Open the file that standard error is, to read it, and the one before; None where it is no file."""
    status = os.fstat(_STANDARD_ERROR)
    if not stat.S_ISREG(status.st_mode):
        return None
    try:
        path = Path(f"/proc/self/fd/{_STANDARD_ERROR}").readlink()
        if path.stat().st_ino != status.st_ino:  # it was removed, and there is another
            return None
        before = path.with_name(path.name + _BEFORE)
        writing = os.open(before, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), writing
    except OSError:  # it was removed, or there is no room for another
        return None


def _begin_anew_if_long(log: int, before: int) -> None:
    """Move what a long log holds to the file before. Others may print to it: its file stays the same."""
    size_bytes = os.fstat(log).st_size
    if size_bytes <= MAX_LOG_BYTES:
        return
    try:
        os.ftruncate(before, 0)
        os.lseek(before, 0, os.SEEK_SET)
        moved_bytes = 0
        while moved := os.sendfile(before, log, moved_bytes, size_bytes - moved_bytes):
            moved_bytes += moved
    finally:
        os.ftruncate(_STANDARD_ERROR, 0)
