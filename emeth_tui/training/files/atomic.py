"""Files that are there whole or not at all: written beside, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from emeth_tui.errors import DiskFull

TEMPORARY_SUFFIX = ".tmp"


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Have `write` fill the file at `path`; after a crash at any moment the old file or the new one is there.

    Raises DiskFull when there is no room, and leaves nothing behind then.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    with disk_full_translated(path):
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)


@contextlib.contextmanager
def disk_full_translated(path: Path) -> Iterator[None]:
    """Turn the system's "no space left" into DiskFull; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"no room left to write {path}: free some space, the work goes on from there"
        ) from error


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
