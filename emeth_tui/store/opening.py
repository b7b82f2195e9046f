"""Opening the database: a new one, the one that was here before, or an error that says how to get it back."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from emeth_tui import __version__
from emeth_tui.errors import EmethError, StoreDamaged, StoreNewer
from emeth_tui.files import disk_full_translated
from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason
from emeth_tui.store.connection import is_damage, translated
from emeth_tui.store.key_values import WRITTEN_BY
from emeth_tui.store.safety.backups import View, back_up, copies, create_private, newest_before
from emeth_tui.store.safety.integrity import (
    APPLICATION_ID,
    SQLITE_ERRORS,
    described,
    first_problem,
    is_foreign,
)


def open_database(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    """Open the database, checked and migrated; create it where there never was one.

    Raise StoreDamaged, naming the copies, when the file is missing or empty though there are copies of it,
    is another program's, or is damaged; StoreNewer when it was written by a newer version; DiskFull, or
    StoreError where the disk fails or another program holds the file.
    """
    _refuse_a_lost_file(path)
    with disk_full_translated(path):
        create_private(path)
    path.chmod(0o600)
    try:
        return _opened(path, migrations)
    except SQLITE_ERRORS as error:
        raise not_opened(path, error) from error


def connect(path: Path) -> sqlite3.Connection:
    """Connect to a database as the node uses it: every write is durable when its call returns."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _set_up(connection)
    except SQLITE_ERRORS:
        connection.close()
        raise
    return connection


def unusable(path: Path, detail: ForeignText | Reason) -> StoreDamaged:
    """Return the error for a file that cannot be used; it names the copies."""
    return StoreDamaged(_unusable(path, detail))


def not_opened(path: Path, error: Exception) -> EmethError:
    """Return the error for a file that SQLite did not open or read: only some say that it is damaged."""
    return unusable(path, described(error)) if is_damage(error) else translated(error)


def newer(connection: sqlite3.Connection, path: Path, schema: int, known_schema: int) -> StoreNewer:
    """Return the error for a database whose schema is above `known_schema`, the newest known here.

    It names that version, where the database does, and the newest copy that this version can go on from.
    """
    from emeth_tui.notices.reasons.store import DatabaseNewer, InstallItAgain, InstallItAgainOrGoBack

    try:
        query = "SELECT value FROM key_values WHERE name = ?"
        found = connection.execute(query, (WRITTEN_BY,)).fetchone()
    except SQLITE_ERRORS:  # its tables are not those of this version
        found = None
    version = str(found[0]) if found else f"> {__version__}"
    copy = newest_before(path.parent, known_schema + 1)
    remedy = InstallItAgainOrGoBack(copy.name) if copy else InstallItAgain()
    return StoreNewer(DatabaseNewer(path, schema, version, remedy))


def _opened(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        if is_foreign(connection):
            from emeth_tui.notices.reasons.store import DatabaseForeign

            raise StoreDamaged(DatabaseForeign(path, _remedy(path)))
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if not version and copies(path.parent):
            raise _lost(path)
        if version > len(migrations):
            raise newer(connection, path, version, len(migrations))
        if (problem := first_problem(connection)) is not None:
            raise unusable(path, problem)
        _set_up(connection)  # only now: another's file is left as it is
        _migrate(connection, path, version, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # the store says when, and knows what others wrote


def _migrate(connection: sqlite3.Connection, path: Path, version: int, migrations: Sequence[str]) -> None:
    if 0 < version < len(migrations):
        with contextlib.closing(View(path)) as view:
            back_up(view)
    for number, script in enumerate(migrations[version:], version + 1):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        connection.executescript(f"BEGIN; {script} {marks} COMMIT;")


def _refuse_a_lost_file(path: Path) -> None:
    """Raise StoreDamaged when there was a database and there is none; a node's first start passes."""
    if path.exists() and path.stat().st_size:
        return
    wal = Path(f"{path}-wal")
    if copies(path.parent) or (wal.exists() and wal.stat().st_size):
        raise _lost(path)


def _lost(path: Path) -> StoreDamaged:
    from emeth_tui.notices.reasons.store import DatabaseEmpty, DatabaseMissing

    reason = DatabaseEmpty if path.exists() else DatabaseMissing
    return StoreDamaged(reason(path, _remedy(path)))


def _unusable(path: Path, detail: ForeignText | Reason) -> Reason:
    from emeth_tui.notices.reasons.store import DatabaseUnusable

    return DatabaseUnusable(path, detail, _remedy(path))


def _remedy(path: Path) -> Reason:
    from emeth_tui.notices.reasons.store import GoBackToACopy, StartAfresh

    names = [copy.name for copy in copies(path.parent)]
    return GoBackToACopy(", ".join(names)) if names else StartAfresh(path.parent)
