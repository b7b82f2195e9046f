"""A database of the services: SQL that SQLite and PostgreSQL both understand, one transaction at a time.

Each piece of work may run twice, because a connection that breaks at a commit does not say whether that
counted. So work is written to be repeatable.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

_Result = TypeVar("_Result")

Row = tuple[Any, ...]
THREADS = 4  # that wait for one database: a database that hangs keeps no others from files


class Transaction(ABC):
    """What a piece of work may do. Parameters are written `:name`."""

    @abstractmethod
    def rows(self, sql: str, values: Mapping[str, object] | None = None) -> Sequence[Row]:
        """Return what a query finds."""

    @abstractmethod
    def change(self, sql: str, values: Mapping[str, object] | None = None) -> int:
        """Make a change; return how many rows it touched."""

    @abstractmethod
    def change_each(self, sql: str, values: Sequence[Mapping[str, object]]) -> None:
        """Make the same change with several values."""

    def row(self, sql: str, values: Mapping[str, object] | None = None) -> Row | None:
        """Return the first row that a query finds, or None."""
        found = self.rows(sql, values)
        return found[0] if found else None


Work = Callable[[Transaction], _Result]


class Database(ABC):
    """One connection, used by one thread at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Work[_Result]) -> _Result:
        """Do the work in one transaction, in a thread. Raise ServiceError."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        return await to_thread.run_sync(self.run_now, work, limiter=self._limiter)

    def run_now(self, work: Work[_Result]) -> _Result:
        """Do the work in one transaction, here. Raise ServiceError."""
        with self._turn:
            return self._run(work)

    @abstractmethod
    def _run(self, work: Work[_Result]) -> _Result: ...

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""
