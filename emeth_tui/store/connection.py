"""The store's one connection to its file: maps SQLite's errors to ours, and can move to another file."""

from __future__ import annotations

import sqlite3
from typing import Any

from emeth_tui.errors import DiskFull, EmethError, StoreError
from emeth_tui.store.safety.integrity import SQLITE_ERRORS, described
from emeth_tui.store.safety.place import Place
from emeth_tui.store.safety.redo import Redo

# What the disk and other programs do to a database, whatever it holds; Python 3.10 knows no codes of SQLite.
_IN_THE_WAY = {
    "database or disk is full",
    "database is locked",
    "disk I/O error",
    "locking protocol",
    "unable to open database file",
}


class Connection:
    """What the tables query. Raise DiskFull and StoreError, so that callers need not know about SQLite."""

    def __init__(self, opened: sqlite3.Connection) -> None:
        self._opened = opened
        self.redo = Redo()
        self.place: Place | None = None  # notes what is written

    @property
    def in_transaction(self) -> bool:
        return self._opened.in_transaction

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute one statement."""
        place = None if sql.startswith("SELECT") else self.place
        if place is not None:
            place.look_at_log()
        try:
            cursor = self._opened.cursor(_Cursor).execute(sql, parameters)
        except EmethError:
            if not self._opened.in_transaction:  # SQLite may have rolled it back by itself
                self.redo.undo()
            raise
        finally:
            if place is not None:
                place.note_log()
        self.redo.add(sql, parameters)
        return cursor

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy everything into another database, also when this one's file has no name any more."""
        try:
            self._opened.backup(target)
        except SQLITE_ERRORS as error:
            raise translated(error) from error

    def move_to(self, opened: sqlite3.Connection) -> None:
        """Go on in another file."""
        before, self._opened = self._opened, opened
        before.close()

    def close(self) -> None:
        self._opened.close()


class _Cursor(sqlite3.Cursor):
    """A cursor whose rows, too, come with our errors: a damaged page may be the last that a query reads."""

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        try:
            super().execute(sql, parameters)
        except (*SQLITE_ERRORS, OverflowError) as error:
            raise translated(error) from error
        return self

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except SQLITE_ERRORS as error:
            raise translated(error) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except SQLITE_ERRORS as error:
            raise translated(error) from error

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except SQLITE_ERRORS as error:
            raise translated(error) from error


def translated(error: Exception) -> DiskFull | StoreError:
    """Return our error for one of SQLite's."""
    from emeth_tui.notices.reasons.disk import DatabaseFull  # late: the first paint needs no reasons
    from emeth_tui.notices.reasons.store import DatabaseFailed

    said = described(error)
    if isinstance(said, str) and ("full" in said or _lacks_room_for_its_index(error)):
        return DiskFull(DatabaseFull(said))
    return StoreError(DatabaseFailed(said))


def is_damage(error: Exception) -> bool:
    """Whether it is what a database holds that SQLite cannot use, and not the disk or who else uses it."""
    return not (isinstance(error, sqlite3.OperationalError) and str(error) in _IN_THE_WAY)


def _lacks_room_for_its_index(error: Exception) -> bool:
    """Whether the disk has no room for the index of SQLite's log; Python 3.10 only knows of an I/O error."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHMSIZE"
