"""Whether a database file is whole: its pages, its indexes, and the rows that name each other."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x454D4554  # "EMET", in the file's header: another program's file is not ours


def first_problem(connection: sqlite3.Connection) -> str:
    """Return what is wrong with a database, "" when nothing is. Raise sqlite3.DatabaseError for worse."""
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()  # quick_check, and the indexes
    if verdict != "ok":
        return str(verdict)
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {orphan[0]} belongs to a row of {orphan[2]} that is missing" if orphan else ""


def what_is_wrong(connection: sqlite3.Connection) -> str:
    """Return why a database cannot be a node's state, "" when it can."""
    try:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return "it is empty"
        return first_problem(connection)
    except sqlite3.DatabaseError as error:
        return str(error)


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Whether a database holds something that we did not write."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(application_id != APPLICATION_ID and (application_id or tables))
