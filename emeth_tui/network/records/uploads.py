"""The multipart uploads that nodes announced."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass

from emeth_tui.model import JobId
from emeth_tui.network.records.database import Database


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload. `handle` is the object store's own name for it."""

    upload_id: str
    job_id: JobId
    address: str  # lower case
    parts: int
    file_name: str
    handle: str
    completed_unix_ns: int = 0  # while it is not complete

    @property
    def is_complete(self) -> bool:
        return self.completed_unix_ns > 0


_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_COLUMNS = "upload_id, job_id, address, parts, file_name, handle, completed_unix_ns"


class Uploads:
    """Uploads by their ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, upload: Upload) -> None:
        """Record an upload that begins. Raise ServiceError."""
        sql = f"""INSERT INTO uploads ({_COLUMNS})
            VALUES (:upload_id, :job_id, :address, :parts, :file_name, :handle, :completed_unix_ns)
            ON CONFLICT (upload_id) DO NOTHING"""  # noqa: S608 - the columns are ours
        await self._database.run(lambda transaction: transaction.change(sql, asdict(upload)))

    async def find(self, upload_id: str) -> Upload | None:
        """Return an upload; None where there is none. Raise ServiceError."""
        if not _UPLOAD_ID.fullmatch(upload_id):
            return None
        sql = f"SELECT {_COLUMNS} FROM uploads WHERE upload_id = :upload_id"  # noqa: S608
        found = await self._database.run(lambda transaction: transaction.row(sql, {"upload_id": upload_id}))
        return Upload(*found) if found else None

    async def complete(self, upload_id: str) -> None:
        """Record that an upload's object is there. Raise ServiceError."""
        sql = """UPDATE uploads SET completed_unix_ns = :now
            WHERE upload_id = :upload_id AND completed_unix_ns = 0"""
        values = {"upload_id": upload_id, "now": time.time_ns()}
        await self._database.run(lambda transaction: transaction.change(sql, values))

    async def begun(self) -> dict[str, JobId]:
        """Return the jobs of uploads that are not complete, by their handles. Raise ServiceError."""
        sql = "SELECT handle, job_id FROM uploads WHERE completed_unix_ns = 0"
        rows = await self._database.run(lambda transaction: transaction.rows(sql))
        return {row[0]: row[1] for row in rows}

    async def newest(self, job_id: JobId, address: str, extension: str) -> str | None:
        """Return the object of a job that has this extension and that a node completed last.

        None where there is none. Raise ServiceError.
        """
        sql = """SELECT file_name FROM uploads
            WHERE job_id = :job AND address = :address AND completed_unix_ns > 0
            ORDER BY completed_unix_ns DESC"""
        values = {"job": job_id, "address": address.lower()}
        rows = await self._database.run(lambda transaction: transaction.rows(sql, values))
        return next((row[0] for row in rows if row[0].endswith(extension)), None)

    async def is_complete(self, file_name: str) -> bool:
        """Whether this object was there. Raise ServiceError."""
        sql = "SELECT 1 FROM uploads WHERE file_name = :name AND completed_unix_ns > 0"
        found = await self._database.run(lambda transaction: transaction.row(sql, {"name": file_name}))
        return found is not None

    async def is_settled(self, file_name: str) -> bool:
        """Whether no upload that might still give this object is under way. Raise ServiceError."""
        sql = "SELECT 1 FROM uploads WHERE file_name = :name AND completed_unix_ns = 0"
        found = await self._database.run(lambda transaction: transaction.row(sql, {"name": file_name}))
        return found is None

    async def forget(self, handle: str) -> None:
        """Forget the upload that the object store calls so. Raise ServiceError."""
        sql = "DELETE FROM uploads WHERE handle = :handle"
        await self._database.run(lambda transaction: transaction.change(sql, {"handle": handle}))

    async def forget_result(self, file_name: str) -> None:
        """Forget the upload whose result was removed. Raise ServiceError."""
        sql = "DELETE FROM uploads WHERE file_name = :name"
        await self._database.run(lambda transaction: transaction.change(sql, {"name": file_name}))
