"""Why each result was rejected: kept by the verifier, served to whoever asks the info server."""

from __future__ import annotations

import json
from typing import Any

from emeth_tui.model import JobId
from emeth_tui.network.records.database import Database
from emeth_tui.network.verification.appeals import entry_of
from emeth_tui.notices.notice import Reason


class Rejections:
    """Reasons by job, in the database that all services of a network share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, job_id: JobId, reason: Reason) -> None:
        """Keep a reason, on the disk before this returns; the newest of a job counts. Raise ServiceError."""
        entry = entry_of(reason)
        sql = """INSERT INTO rejections (job_id, entry) VALUES (:job, :entry)
            ON CONFLICT (job_id) DO UPDATE SET entry = :entry"""
        await self._database.run(lambda transaction: transaction.change(sql, {"job": job_id, "entry": entry}))

    async def of(self, job_id: JobId) -> dict[str, Any] | None:
        """Return what a job's result was rejected for, as JSON knows it; None for one that was not.

        Raise ServiceError.
        """
        sql = "SELECT entry FROM rejections WHERE job_id = :job"
        found = await self._database.run(lambda transaction: transaction.row(sql, {"job": job_id}))
        return dict(json.loads(found[0])) if found else None
