"""PostgreSQL, shared by as many serving processes as a group likes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import psycopg

from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import one_line
from emeth_tui.network.records.database import Database, Row, Transaction, Work
from emeth_tui.network.records.schema import migrate
from emeth_tui.notices.reasons.local.serving import RecordsFailed

CONNECT_LIMIT_S = 5
STATEMENT_LIMIT_MS = 10_000
SILENCE_LIMIT_MS = 10_000  # of a server that vanished without a word
_MIGRATING = 0x656D657468  # the key of the lock under which one process at a time changes the schema
_PARAMETER = re.compile(r":(\w+)")

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """Where a database is. A host that is a path is a directory of Unix sockets."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    sslmode: str
    root_certificate: str = "system"  # a file, or libpq's word for the authorities of the system

    def __str__(self) -> str:
        return f"PostgreSQL {self.user}@{self.host}:{self.port}/{self.database}"


class PostgresDatabase(Database):
    """A connection that is opened again when it broke."""

    def __init__(self, place: PostgresPlace) -> None:
        """Connect, and bring the schema up to date. Raise ServiceError."""
        super().__init__()
        self._place = place
        self._connection: psycopg.Connection[Any] | None = None
        try:
            self.run_now(self._migrate)
        except ServiceError:
            self.close()
            raise

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _migrate(self, transaction: Transaction) -> None:
        transaction.rows("SELECT pg_advisory_xact_lock(:key)", {"key": _MIGRATING})
        migrate(transaction, str(self._place))

    def _run(self, work: Work[_Result]) -> _Result:
        try:
            return self._attempt(work)
        except psycopg.OperationalError as error:
            if self._connection is not None and not self._connection.closed:
                raise failed(self._place, error) from error
        except psycopg.Error as error:
            raise failed(self._place, error) from error
        try:  # the connection was a broken one
            return self._attempt(work)
        except psycopg.Error as error:
            raise failed(self._place, error) from error

    def _attempt(self, work: Work[_Result]) -> _Result:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._place, "emeth-tui network serve")
        with self._connection.transaction(), self._connection.cursor() as cursor:
            return work(_PostgresTransaction(cursor))


def connect(place: PostgresPlace, name: str, options: str = "") -> psycopg.Connection[Any]:
    """Connect under a name that the server shows. Raise psycopg.Error."""
    return psycopg.connect(
        host=place.host,
        port=place.port,
        dbname=place.database,
        user=place.user,
        password=place.password or None,
        sslmode=place.sslmode,
        sslrootcert=place.root_certificate if place.sslmode == "verify-full" else None,
        connect_timeout=CONNECT_LIMIT_S,
        tcp_user_timeout=SILENCE_LIMIT_MS,
        options=f"-c statement_timeout={STATEMENT_LIMIT_MS} {options}".rstrip(),
        application_name=name,
        autocommit=True,
    )


def failed(place: PostgresPlace, error: psycopg.Error) -> ServiceError:
    """Return what went wrong with a database."""
    said = str(error).strip().splitlines()
    return ServiceError(RecordsFailed(str(place), one_line(said[0] if said else type(error).__name__)))


class _PostgresTransaction(Transaction):
    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def rows(self, sql: str, values: Mapping[str, object] | None = None) -> Sequence[Row]:
        return self._cursor.execute(_written(sql), dict(values or {})).fetchall()

    def change(self, sql: str, values: Mapping[str, object] | None = None) -> int:
        return self._cursor.execute(_written(sql), dict(values or {})).rowcount

    def change_each(self, sql: str, values: Sequence[Mapping[str, object]]) -> None:
        if values:
            self._cursor.executemany(_written(sql), values)


def _written(sql: str) -> Any:
    """Return SQL with parameters as psycopg writes them. Ours holds no other colons, and no % at all."""
    return cast(Any, _PARAMETER.sub(r"%(\1)s", sql))
