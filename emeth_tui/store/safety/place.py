"""Whether the files of an open database are still in their place, and were last written to by this process.

SQLite goes on in a file that has lost its name, and reads what others have written over one. So the files
with their names are compared with those that are open, and what the last write of ours left with what the
next one finds. The log is written with each statement. The file itself is written only when what stands in
the log is moved there, and carries another mark each time: a copy made before, and put back, has an old one.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from emeth_tui.store.lock import LOCK_FILE
from emeth_tui.store.safety.integrity import is_in_use, mark_in

_Inode = tuple[int, int]  # device and number
_Change = tuple[int, int]  # what any write to a file changes: time in ns, and size


class Place:
    """The files of an open database, as this process knows them."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._log = Path(f"{database}-wal")
        self._names = (database, self._log, database.with_name(LOCK_FILE))
        self._inodes: dict[Path, _Inode | None] = {}
        self._changed: dict[Path, _Change | None] = {}
        self._mark: str | None = None
        self._is_log_foreign = False

    def take(self, mark: str | None) -> None:
        """Take the files that are there now for ours; see `note_moved` for the mark."""
        self._inodes = {path: _inode(path) for path in self._names}
        self._is_log_foreign = False
        self.note_log()
        self.note_moved(mark)

    def take_lock_file(self) -> None:
        """Take the lock that is there now for ours."""
        path = self._database.with_name(LOCK_FILE)
        self._inodes[path] = _inode(path)

    def note_moved(self, mark: str | None) -> None:
        """Note that what stood in the log is in the file; without a mark, any change of it is foreign."""
        self._mark = mark
        self._changed[self._database] = _change(self._database)

    def note_log(self) -> None:
        """Note what the log is after a write of ours."""
        self._changed[self._log] = _change(self._log)

    def look_at_log(self) -> None:
        """Remember that somebody else has written to the log, before a write of ours hides that."""
        if self._has_its_name(self._log) and _change(self._log) != self._changed.get(self._log):
            self._is_log_foreign = True

    @property
    def is_intact(self) -> bool:
        """Whether each file carries its name, and nobody else has written to the database."""
        return all(map(self._has_its_name, self._names)) and not self.is_overwritten

    @property
    def is_locked(self) -> bool:
        """Whether the lock is still where others look for it."""
        return self._has_its_name(self._database.with_name(LOCK_FILE))

    @property
    def is_overwritten(self) -> bool:
        """Whether what the open files hold is not ours, though they carry their names."""
        self.look_at_log()
        return self._is_log_foreign or (self._has_its_name(self._database) and not self._holds_ours())

    @property
    def holds_our_file(self) -> bool:
        """Whether the file at our place is the one that we opened, with our content."""
        return self._has_its_name(self._database) and not self.is_overwritten

    def drop_log(self) -> None:
        """Remove our last writes from beside a file that is not ours."""
        if self._has_its_name(self._log):
            self._log.unlink(missing_ok=True)

    def _has_its_name(self, path: Path) -> bool:
        return _inode(path) == self._inodes.get(path)

    def _holds_ours(self) -> bool:
        change = _change(self._database)
        if change == self._changed.get(self._database):
            return True
        if self._mark is None or not is_in_use(self._database) or mark_in(self._database) != self._mark:
            return False
        self._changed[self._database] = change  # it was touched, and is the same
        return True


def _inode(path: Path) -> _Inode | None:
    """Return which file carries a name. Open ones keep their numbers from being given to others."""
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _change(path: Path) -> _Change | None:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return None
