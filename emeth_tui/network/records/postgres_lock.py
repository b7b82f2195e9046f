"""A lock in PostgreSQL that one process holds while it lives: who verifies, where several serve."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import Any

import psycopg

from emeth_tui.network.records.postgres import PostgresPlace, connect, failed

_SILENT_HOLDER_S = 30  # after which the server drops the connection of a machine that vanished
_HOLDER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.classid = %s::bigint::oid AND l.objid = %s::bigint::oid
"""


class PostgresLock:
    """An advisory lock on a connection of its own: whatever ends the process or the connection frees it."""

    def __init__(self, place: PostgresPlace, name: str, holder: str) -> None:
        """`holder` is what others read about the one that holds the lock: ASCII, at most 63 characters."""
        self._place = place
        self._key = hashlib.sha256(name.encode()).digest()[:8]
        self._own_name = holder
        self._connection: psycopg.Connection[Any] | None = None
        self._is_held = False
        self._turn = threading.Lock()

    def take(self) -> bool:
        """Take the lock, or make sure of it; return whether it is held. Raise ServiceError if it is lost."""
        with self._turn:
            try:
                connection = self._connected()
                if self._is_held:
                    connection.execute("SELECT 1")
                else:
                    row = connection.execute("SELECT pg_try_advisory_lock(%s)", self._parameters()).fetchone()
                    self._is_held = row is not None and bool(row[0])
            except psycopg.Error as error:
                self._disconnect()
                raise failed(self._place, error) from error
            return self._is_held

    def holder(self) -> str | None:
        """Return what the holder says of itself, None while nobody holds the lock. Raise ServiceError."""
        high, low = (int.from_bytes(half, "big") for half in (self._key[:4], self._key[4:]))
        with self._turn:
            try:
                row = self._connected().execute(_HOLDER, (high, low)).fetchone()
            except psycopg.Error as error:
                self._disconnect()
                raise failed(self._place, error) from error
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Free the lock, where it is held: others can take it from now on."""
        with self._turn:
            if self._is_held and self._connection is not None:
                # The server frees it some time after a connection's end, and at once when asked to.
                with contextlib.suppress(psycopg.Error):
                    self._connection.execute("SELECT pg_advisory_unlock(%s)", self._parameters())
            self._disconnect()

    def _parameters(self) -> tuple[int]:
        return (int.from_bytes(self._key, "big", signed=True),)

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._is_held = False
            self._connection = connect(self._place, self._own_name, _keepalives())
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection, self._is_held = self._connection, None, False
        if connection is not None:
            connection.close()


def _keepalives() -> str:
    every_s = _SILENT_HOLDER_S // 3
    return f"-c tcp_keepalives_idle={every_s} -c tcp_keepalives_interval={every_s} -c tcp_keepalives_count=2"
