"""Events that survive a restart, newest last: their kinds, and their fields as JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from itertools import islice, takewhile

from emeth_tui.model import JobId, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import EpochDone
from emeth_tui.notices.notice import EventBody, field_data, from_data
from emeth_tui.store.connection import Connection

# Left alone for months a node must not fill the disk: beside the database lie copies of it.
KEPT_EVENTS = 200_000
KEPT_EPOCHS = 50_000  # those among the newest so many events: most of all events are epochs
_PRUNE_EVERY = 500


class EventTable:
    """Stores events, and keeps the newest KEPT_EVENTS; of epochs those among the newest KEPT_EPOCHS."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> None:
        cursor = self._connection.execute(
            "INSERT INTO events (at_unix_s, severity, kind, job_id, fields) VALUES (?, ?, ?, ?, ?)",
            (
                event.at_unix_s,
                event.severity.value,
                event.kind,
                event.job_id,
                json.dumps(field_data(event.body)),
            ),
        )
        last_id = cursor.lastrowid or 0
        if last_id % _PRUNE_EVERY == 0:
            self._prune(last_id)

    def _prune(self, last_id: int) -> None:
        """Delete what is old."""
        self._connection.execute("DELETE FROM events WHERE id <= ?", (last_id - KEPT_EVENTS,))
        self._connection.execute(
            "DELETE FROM events WHERE id <= ? AND kind = ?", (last_id - KEPT_EPOCHS, EpochDone.kind)
        )

    def recent(self, limit: int, *, but: str = "") -> list[Event]:
        """Return the newest events, oldest first, but those of one kind."""
        query = "SELECT * FROM events WHERE kind != ? ORDER BY id DESC LIMIT ?"
        rows = self._connection.execute(query, (but, limit)).fetchall()
        return [_from_row(row) for row in reversed(rows)]

    def newest(
        self, *, job_id: JobId | None = None, severities: Collection[Severity] = (), since_unix_s: float = 0.0
    ) -> Iterator[Event]:
        """Yield events, newest first, read as they are taken: of a job, of some severities, since a time."""
        clauses, values = ["at_unix_s >= ?"], [since_unix_s, *(severity.value for severity in severities)]
        if severities:
            clauses.append(f"severity IN ({', '.join('?' * len(severities))})")
        if job_id is not None:
            clauses.append("job_id = ?")
            values.append(job_id)
        query = f"SELECT * FROM events WHERE {' AND '.join(clauses)} ORDER BY id DESC"  # noqa: S608
        return map(_from_row, self._connection.execute(query, values))

    def last_id(self) -> int:
        """Return the number of the newest event, 0 without any; numbers only rise."""
        row = self._connection.execute("SELECT max(id) AS last FROM events").fetchone()
        return row["last"] or 0

    def between(self, after_id: int, last_id: int, *, since_unix_s: float) -> Iterator[Event]:
        """Yield events by their numbers, oldest first, read as they are taken."""
        query = "SELECT * FROM events WHERE id > ? AND id <= ? AND at_unix_s >= ? ORDER BY id"
        return map(_from_row, self._connection.execute(query, (after_id, last_id, since_unix_s)))

    def lately(self, last_id: int, *, since_unix_s: float) -> list[Event]:
        """Return the events since a time up to a number, oldest first; what lies before them is not read."""
        query = "SELECT * FROM events WHERE id <= ? ORDER BY id DESC"
        rows = self._connection.execute(query, (last_id,))
        return [_from_row(row) for row in takewhile(lambda row: row["at_unix_s"] >= since_unix_s, rows)][::-1]

    def of_job(self, job_id: JobId, limit: int) -> list[Event]:
        """Return a job's newest events, oldest first."""
        return [*islice(self.newest(job_id=job_id), limit)][::-1]


def _from_row(row: sqlite3.Row) -> Event:
    return Event(
        at_unix_s=row["at_unix_s"],
        severity=Severity(row["severity"]),
        body=from_data(EventBody, {"kind": row["kind"], **json.loads(row["fields"])}),
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
    )
