"""Whether a database file is whole: its pages, its indexes, and the rows that name each other."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.notices.notice import Reason

# A message that quotes a damaged name is no text, and Python raises the second instead of the first.
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
APPLICATION_ID = 0x454D4554  # "EMET", in the file's header: another program's file is not ours
# https://www.sqlite.org/fileformat.html, 1.3: how every database begins, and what says that it has a WAL.
_HEADER = b"SQLite format 3\0"
_WRITE_AHEAD, _WRITE_AHEAD_ENDS = b"\2\2", 20
_USER_VERSION = slice(60, 64)


def first_problem(connection: sqlite3.Connection) -> ForeignText | Reason | None:
    """Return what is wrong with a database, None when nothing is. Raise SQLITE_ERRORS for worse."""
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()  # quick_check, and the indexes
    if verdict != "ok":
        return one_line(verdict)
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    if orphan is None:
        return None
    from emeth_tui.notices.reasons.store import RowWithoutParent  # late: the first paint needs no reasons

    return RowWithoutParent(orphan[0], orphan[2])


def what_is_wrong(connection: sqlite3.Connection) -> ForeignText | Reason | None:
    """Return why a database cannot be a node's state, None when it can."""
    from emeth_tui.notices.reasons.store import NothingInIt

    try:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return NothingInIt()
        return first_problem(connection)
    except SQLITE_ERRORS as error:
        return described(error)


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Whether a database holds something that we did not write."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(application_id != APPLICATION_ID and (application_id or tables))


def mark_in(path: Path) -> str | None:
    """Return the mark in a database file itself, past what is written beside it; None where there is none.

    A node that opens a database leaves a mark there, in a table that it does not touch again: so the file can
    be distinguished from another that was written over it.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        ) as connection:
            row = connection.execute("SELECT mark FROM instance").fetchone()
    except SQLITE_ERRORS:
        return None
    return None if row is None else str(row[0])


def is_in_use(path: Path) -> bool:
    """Whether a file is a database as a node uses it, with its newest writes beside it; a copy is not."""
    try:
        with path.open("rb") as file:
            header = file.read(_WRITE_AHEAD_ENDS)
    except OSError:
        return False
    return header.startswith(_HEADER) and header.endswith(_WRITE_AHEAD)


def schema_of(path: Path) -> int:
    """Return the schema of a database that nobody writes to, 0 where it cannot be read."""
    try:
        with path.open("rb") as file:
            header = file.read(_USER_VERSION.stop)
    except OSError:
        return 0
    return int.from_bytes(header[_USER_VERSION], "big") if header.startswith(_HEADER) else 0


def described(error: Exception) -> ForeignText | Reason:
    """Return what SQLite says is wrong, with marks in the place of what is no text."""
    if isinstance(error, UnicodeDecodeError):
        return one_line(error.object.decode("utf-8", "replace"))
    if said := one_line(error):
        return said
    from emeth_tui.notices.reasons.store import Malformed

    return Malformed()  # Python 3.10 drops a message that is no text
