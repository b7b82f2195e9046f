"""The embedded database: a file in the state directory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import one_line
from emeth_tui.network.records.database import Database, Row, Transaction, Work
from emeth_tui.network.records.schema import migrate
from emeth_tui.notices.reasons.local.serving import RecordsFailed

RECORDS_FILE = "records.db"

_Result = TypeVar("_Result")


class SqliteDatabase(Database):
    """A file of this machine. What was committed is on the disk."""

    def __init__(self, path: Path) -> None:
        """Open the file, and create it where there is none. Raise ServiceError."""
        super().__init__()
        self._path = path
        try:
            _create_private(path)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error
        try:
            self._prepare()
        except ServiceError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self.run_now(lambda transaction: migrate(transaction, str(self._path)))

    def close(self) -> None:
        with self._turn:
            self._connection.close()

    def copy_to(self, path: Path) -> None:
        """Write a copy of the database that is whole at any moment. Raise ServiceError."""
        fresh = path.with_name(f"{path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            _create_private(fresh)
            with self._turn:
                self._connection.execute("VACUUM INTO ?", (str(fresh),))
            fresh.replace(path)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def _run(self, work: Work[_Result]) -> _Result:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(_SqliteTransaction(self._connection))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return result

    def _failed(self, error: Exception) -> ServiceError:
        return ServiceError(RecordsFailed(str(self._path), one_line(error)))


class _SqliteTransaction(Transaction):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Mapping[str, object] | None = None) -> Sequence[Row]:
        return self._connection.execute(sql, dict(values or {})).fetchall()

    def change(self, sql: str, values: Mapping[str, object] | None = None) -> int:
        return self._connection.execute(sql, dict(values or {})).rowcount

    def change_each(self, sql: str, values: Sequence[Mapping[str, object]]) -> None:
        if values:
            self._connection.executemany(sql, values)


def _create_private(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
