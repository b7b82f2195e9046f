"""Events that outlive a restart: what the operator was told, newest last."""

from __future__ import annotations

import json
import sqlite3

from emeth_tui.model import Event, JobId, Severity

KEPT_EVENTS = 10_000  # older ones are in the log files
_PRUNE_EVERY = 500


class EventTable:
    """Appends events, keeps the newest KEPT_EVENTS."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> None:
        cursor = self._connection.execute(
            "INSERT INTO events (at_unix_s, severity, kind, job_id, text, data) VALUES (?, ?, ?, ?, ?, ?)",
            (
                event.at_unix_s,
                event.severity.value,
                event.kind,
                event.job_id,
                event.text,
                json.dumps(dict(event.data), default=str),
            ),
        )
        last_id = cursor.lastrowid or 0
        if last_id % _PRUNE_EVERY == 0:
            self._connection.execute("DELETE FROM events WHERE id <= ?", (last_id - KEPT_EVENTS,))

    def recent(self, limit: int) -> list[Event]:
        """List the newest events, oldest of them first."""
        rows = self._connection.execute("SELECT * FROM events ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [_from_row(row) for row in reversed(rows)]


def _from_row(row: sqlite3.Row) -> Event:
    return Event(
        at_unix_s=row["at_unix_s"],
        severity=Severity(row["severity"]),
        kind=row["kind"],
        text=row["text"],
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
        data=json.loads(row["data"]),
    )
