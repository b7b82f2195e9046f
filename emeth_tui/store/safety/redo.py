"""The writes since the newest copy, kept in memory: done again on that copy, they make the database anew.

So nothing is lost where the file itself is overwritten while it is in use, and SQLite would read what others
wrote there.
"""

from __future__ import annotations

import sqlite3
from typing import Any

MOST_WRITES = 20_000  # some 20 MB; a node makes a few hundred between two copies


class Redo:
    """Statements that were carried out, in order. A position is the number of those before it."""

    def __init__(self) -> None:
        self._writes: list[tuple[str, Any]] = []
        self._first = 0
        self._uncommitted_from: int | None = None

    @property
    def position(self) -> int:
        """Where the next write comes."""
        return self._first + len(self._writes)

    def add(self, sql: str, parameters: Any) -> None:
        """Note a statement that was carried out."""
        if sql == "BEGIN":
            self._uncommitted_from = self.position
        elif sql == "COMMIT":
            self._uncommitted_from = None
        elif sql == "ROLLBACK":
            self.undo()
        elif not sql.startswith(("SELECT", "PRAGMA")):
            self._writes.append((sql, parameters))
            if len(self._writes) > MOST_WRITES:
                self.forget_before(self.position)

    def undo(self) -> None:
        """Forget what a transaction wrote that was not committed, if there is one."""
        if self._uncommitted_from is not None:
            del self._writes[max(0, self._uncommitted_from - self._first) :]
            self._uncommitted_from = None

    def forget_before(self, position: int) -> None:
        """Forget what a copy holds."""
        del self._writes[: max(0, position - self._first)]
        self._first = max(self._first, position)

    def reaches_back_to(self, position: int) -> bool:
        """Whether every write from a position on is known."""
        return position >= self._first

    def carry_out(self, target: sqlite3.Connection, position: int) -> None:
        """Do again what was written from a position on, all or nothing. Raise SQLITE_ERRORS."""
        target.execute("BEGIN")
        for sql, parameters in self._writes[position - self._first :]:
            target.execute(sql, parameters)
        target.execute("COMMIT")
