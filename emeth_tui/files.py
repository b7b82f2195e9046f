"""Files of ours: written whole or not at all, readable by their owner alone, and locked between processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from emeth_tui.errors import DiskFull

TEMPORARY_SUFFIX = ".tmp"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_atomically(
    path: Path, content: bytes | Callable[[BinaryIO], object], *, overwrite: bool = True
) -> None:
    """Write a file of mode 0600; after a crash at any moment the old file or the new one is there.

    `content` is the bytes, or a function that writes them. Raise OSError, and FileExistsError in particular
    when there is a file already and `overwrite` is False; nothing is left behind then.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def is_there(path: Path) -> bool:
    """Whether a file or directory exists. Raise OSError where this user may not look for it."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def may_exist(path: Path) -> bool:
    """Whether a file exists, or may not be looked for: whoever opens it then hears why."""
    try:
        return is_there(path)
    except OSError:
        return True


def nearest_existing(directory: Path) -> Path:
    """Return a directory, or the nearest one above it that this user sees: nothing is made here."""
    return next(path for path in (directory, *directory.parents) if os.access(path, os.F_OK))


def remove_unfinished(directory: Path) -> None:
    """Delete what killed processes had begun to write in a directory, where nobody else is writing now."""
    for path in directory.glob(f".*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory are on the disk: a file that was renamed stays renamed."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link_or_copy(path: Path, target: Path) -> None:
    """Have a file under another name as well, which is not there: without a copy where that is possible."""
    try:
        os.link(path, target)
    except OSError:  # a file system without links
        shutil.copyfile(path, target)


def is_out_of_room(error: OSError) -> bool:
    """Whether the file system is full, or the user's share of it."""
    return error.errno in _NO_ROOM


@contextlib.contextmanager
def disk_full_translated(path: Path) -> Iterator[None]:
    """Raise DiskFull where the system says that there is no space left; let other errors pass."""
    try:
        yield
    except OSError as error:
        if not is_out_of_room(error):
            raise
        from emeth_tui.notices.reasons.disk import NoRoomToWrite  # late: the first paint needs no reasons

        raise DiskFull(NoRoomToWrite(path)) from error


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file without waiting; return False when another process holds a lock in the way.

    The lock ends with the descriptor, and so with the process, however that ends.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
