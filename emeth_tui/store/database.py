"""The node's SQLite file, opened, migrated and locked; the modules beside this one query its tables."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any

from emeth_tui.errors import DiskFull, StoreError
from emeth_tui.store.events import EventTable
from emeth_tui.store.jobs import JobTable
from emeth_tui.store.journal import JournalTable
from emeth_tui.store.key_values import KeyValueTable
from emeth_tui.store.lock import take_lock
from emeth_tui.store.measurements import MeasurementTable

# Each entry takes the schema one version up; a released entry is never edited.
# Wei are TEXT: SQLite's integers only reach 2^63 - 1, which is 9.2 EMT.
MIGRATIONS = (
    """
    CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        language TEXT NOT NULL,
        epochs INTEGER NOT NULL,
        dataset TEXT NOT NULL,
        dataset_bytes INTEGER NOT NULL,
        fee_wei TEXT NOT NULL,
        deposit_wei TEXT NOT NULL,
        deadline_unix_s INTEGER NOT NULL,
        model TEXT NOT NULL,
        seed INTEGER NOT NULL,
        reserved_bytes INTEGER NOT NULL,
        created_at_unix_s REAL NOT NULL,
        paused INTEGER NOT NULL,
        error TEXT,
        dataset_digest TEXT NOT NULL,
        epochs_done INTEGER NOT NULL,
        valid_loss REAL,
        result_name TEXT NOT NULL,
        submitted_at_unix_s REAL,
        ended_at_unix_s REAL,
        gas INTEGER NOT NULL,
        earned_wei TEXT NOT NULL,
        lost_wei TEXT NOT NULL,
        by_hand INTEGER NOT NULL
    );
    CREATE TABLE job_states (
        job_id TEXT NOT NULL REFERENCES jobs (job_id),
        state TEXT NOT NULL,
        at_unix_s REAL NOT NULL
    );
    CREATE INDEX job_states_by_job ON job_states (job_id);
    CREATE TABLE epochs (
        job_id TEXT NOT NULL REFERENCES jobs (job_id),
        epoch INTEGER NOT NULL,
        train_loss REAL NOT NULL,
        valid_loss REAL NOT NULL,
        seconds REAL NOT NULL,
        link TEXT NOT NULL,
        PRIMARY KEY (job_id, epoch)
    );
    CREATE TABLE transactions (
        tx_hash TEXT PRIMARY KEY,
        nonce INTEGER NOT NULL,
        purpose TEXT NOT NULL,
        job_id TEXT,
        raw BLOB NOT NULL,
        state TEXT NOT NULL,
        created_at_unix_s REAL NOT NULL,
        gas_used INTEGER,
        fee_wei TEXT
    );
    CREATE INDEX transactions_by_state ON transactions (state, nonce);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at_unix_s REAL NOT NULL,
        severity TEXT NOT NULL,
        kind TEXT NOT NULL,
        job_id TEXT,
        fields TEXT NOT NULL
    );
    CREATE TABLE key_values (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE measurements (
        id INTEGER PRIMARY KEY,
        quantity TEXT NOT NULL,
        place TEXT NOT NULL,
        model TEXT NOT NULL,
        language TEXT NOT NULL,
        amount REAL NOT NULL,
        per REAL NOT NULL,
        at_unix_s REAL NOT NULL
    );
    CREATE INDEX measurements_by_gauge ON measurements (quantity, place, model, language, id);
    """,
)


class Store:
    """The node's memory across restarts. Every write is durable when its call returns.

    One process at a time: opening locks the state directory. Raise AlreadyRunning when another node holds
    the lock, StoreError when the file is damaged or was written by a newer version.
    """

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = take_lock(state_dir)
        self.path = state_dir / "node.sqlite3"
        try:
            self._connection = _open(self.path)
        except StoreError:
            os.close(self._lock)
            raise
        self.jobs = JobTable(self._connection)
        self.journal = JournalTable(self._connection)
        self.events = EventTable(self._connection)
        self.key_values = KeyValueTable(self._connection)
        self.measurements = MeasurementTable(self._connection)

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        os.close(self._lock)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _NewerSchema(StoreError):
    """The file is intact, but a newer version wrote it."""


class _Connection(sqlite3.Connection):
    """Maps SQLite's errors to ours, so that callers need not know about SQLite."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except (sqlite3.Error, OverflowError) as error:
            from emeth_tui.notices.reasons.disk import DatabaseFull  # late: the first paint needs no reasons
            from emeth_tui.notices.reasons.store import DatabaseFailed

            if "full" in str(error):
                raise DiskFull(DatabaseFull(str(error))) from error
            raise StoreError(DatabaseFailed(str(error))) from error


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, factory=_Connection)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except _NewerSchema:
        raise
    except (sqlite3.DatabaseError, StoreError) as error:
        from emeth_tui.notices.reasons.store import DatabaseUnusable

        raise StoreError(DatabaseUnusable(path, str(error))) from error
    path.chmod(0o600)
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    _migrate(connection, path)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        from emeth_tui.notices.reasons.store import DatabaseNewer

        raise _NewerSchema(DatabaseNewer(path, version))
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
