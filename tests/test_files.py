"""Files are whole or absent, private, and locked between processes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from emeth_tui.errors import DiskFull
from emeth_tui.files import (
    disk_full_translated,
    is_out_of_room,
    nearest_existing,
    try_lock,
    write_atomically,
)


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_breaks_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"old")

    def break_off(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "no space left on device")

    with pytest.raises(DiskFull, match="kept"), disk_full_translated(path):
        write_atomically(path, break_off)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_can_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_atomically(path, b"first", overwrite=False)
    with pytest.raises(FileExistsError):
        write_atomically(path, b"second", overwrite=False)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "full"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False), (errno.EACCES, False)],
)
def test_only_a_full_disk_counts_as_full(number: int, full: bool) -> None:
    error = OSError(number, "trouble")
    assert is_out_of_room(error) is full
    with pytest.raises(DiskFull if full else OSError), disk_full_translated(Path("somewhere")):
        raise error


def test_one_lock_at_a_time_and_shared_ones_together(tmp_path: Path) -> None:
    descriptors = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600) for _ in range(3)]
    one, other, third = descriptors
    assert try_lock(one)
    assert not try_lock(other)
    assert not try_lock(other, shared=True)
    os.close(one)
    assert try_lock(other, shared=True)
    assert try_lock(third, shared=True)
    assert not try_lock(third)
    os.close(other)
    os.close(third)


def test_a_directory_that_may_not_be_seen_is_judged_by_the_one_above(tmp_path: Path) -> None:
    assert nearest_existing(tmp_path / ("x" * 300) / "state") == tmp_path
