"""A file system of its own under a node, which can fill up."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

DISK_BYTES = 8_000_000_000  # taken from memory only as it fills
_MS_REMOUNT = 32  # mount(2)
_MNT_DETACH = 2  # umount2(2)
_libc = ctypes.CDLL(None, use_errno=True)


def mount_disk(directory: Path) -> None:
    """Make a directory with a file system of its own."""
    directory.mkdir()
    _mount(directory, DISK_BYTES, flags=0)


def fill_disk(directory: Path, left_bytes: int) -> None:
    """Leave so much room. What is written meanwhile may make it a little less."""
    for _ in range(100):
        try:
            _mount(directory, shutil.disk_usage(directory).used + left_bytes, _MS_REMOUNT)
            return
        except OSError:  # more has been written between the two calls
            continue


def free_disk(directory: Path) -> None:
    """Give a file system all its room back."""
    _mount(directory, DISK_BYTES, _MS_REMOUNT)


def unmount_disk(directory: Path, *, keep: bool) -> None:
    """Take a file system away; what it held is kept beside it, if wanted."""
    if keep:
        shutil.copytree(directory, directory.with_suffix(".kept"), ignore_dangling_symlinks=True)
    _checked(_libc.umount2(os.fsencode(directory), _MNT_DETACH), directory)


def _mount(directory: Path, size_bytes: int, flags: int) -> None:
    options = f"size={max(size_bytes, 4_096)},mode=755".encode()
    _checked(_libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", flags, options), directory)


def _checked(result: int, directory: Path) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(directory))
