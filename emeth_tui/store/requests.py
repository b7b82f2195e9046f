"""The jobs that this account requests of others: each is recorded before anything is stored, paid or sent."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from pathlib import Path

from emeth_tui.model import JobId, Language
from emeth_tui.store.connection import Connection


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A job to request. `dataset` is its name in storage, "" until it is there.

    `account` names who pays, and on which contract (`key_values.account_name`); `content` is the sha256 of
    the file's bytes. `requested_at_unix_s` is None until the request is final, or was cancelled.
    """

    job_id: JobId
    account: str
    path: Path
    content: str
    dataset_bytes: int
    language: Language
    epochs: int
    fee_wei: int
    deadline_unix_s: int
    model: str
    private: bool
    created_at_unix_s: float
    dataset: str = ""
    requested_at_unix_s: float | None = None


_COLUMNS = tuple(column.name for column in fields(StoredRequest))
_UPSERT = (
    f"INSERT INTO requests ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT (job_id) DO UPDATE SET {', '.join(f'{name} = :{name}' for name in _COLUMNS[1:])}"
)


class RequestTable:
    """Reads and writes requests. Every write is durable when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, request: StoredRequest) -> None:
        """Write a whole request."""
        row = {name: getattr(request, name) for name in _COLUMNS}
        row |= {
            "path": str(request.path),
            "language": request.language.value,
            "fee_wei": str(request.fee_wei),
        }
        self._connection.execute(_UPSERT, row)

    def get(self, job_id: JobId) -> StoredRequest | None:
        row = self._connection.execute("SELECT * FROM requests WHERE job_id = ?", (job_id,)).fetchone()
        return _from_row(row) if row else None

    def delete(self, job_id: JobId) -> None:
        """Forget a request that was never made."""
        self._connection.execute("DELETE FROM requests WHERE job_id = ?", (job_id,))

    def all(self) -> list[StoredRequest]:
        """Return all requests, oldest first."""
        rows = self._connection.execute("SELECT * FROM requests ORDER BY created_at_unix_s, job_id")
        return [_from_row(row) for row in rows]


def _from_row(row: sqlite3.Row) -> StoredRequest:
    values = {name: row[name] for name in _COLUMNS}
    values |= {
        "job_id": JobId(row["job_id"]),
        "path": Path(row["path"]),
        "language": Language(row["language"]),
        "fee_wei": int(row["fee_wei"]),
        "private": bool(row["private"]),
    }
    return StoredRequest(**values)
