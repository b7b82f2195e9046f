"""Single values that outlive a restart: the last block scanned, whether claiming is paused."""

from __future__ import annotations

import sqlite3

LAST_BLOCK = "last_block"  # the newest block whose events have been taken in
CLAIMS_PAUSED = "claims_paused"  # "" or why
ACCOUNT = "account"  # address and chain that this state belongs to


class KeyValueTable:
    """Named texts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (name, value))
