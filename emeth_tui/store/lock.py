"""The lock on a state directory: it names the process that is the node, and is released however that ends."""

from __future__ import annotations

import os
import time
from pathlib import Path

from emeth_tui.errors import AlreadyRunning
from emeth_tui.files import disk_full_translated, try_lock

LOCK_FILE = "lock"
UNKNOWN_PID = 0  # the holder has not written its own yet
TRIES = 5  # `lock_holder` of another process may hold the lock for a moment
BETWEEN_TRIES_S = 0.02


def take_lock(state_dir: Path) -> int:
    """Lock a state directory for this process; return the descriptor that releases the lock when closed.

    Raise AlreadyRunning when another process holds it, DiskFull.
    """
    with disk_full_translated(state_dir):
        descriptor = os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _again in range(TRIES):
            if not try_lock(descriptor):
                time.sleep(BETWEEN_TRIES_S)
                continue
            _write_pid(descriptor)
            return descriptor
    from emeth_tui.notices.reasons.start import NodeRuns  # late, as is every reason at the start

    holder = _written_pid(descriptor)
    os.close(descriptor)
    raise AlreadyRunning(NodeRuns(state_dir, holder))


def lock_holder(state_dir: Path) -> int | None:
    """Return the process id of a state directory's node; None when there is none."""
    try:
        descriptor = os.open(state_dir / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if try_lock(descriptor, shared=True) else _written_pid(descriptor)
    finally:
        os.close(descriptor)


def _write_pid(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    except OSError:
        os.close(descriptor)
        raise


def _written_pid(descriptor: int) -> int:
    written = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(written) if written.isdecimal() else UNKNOWN_PID
