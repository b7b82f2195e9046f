"""Uploads that were begun: how each goes on, and which of its parts have arrived."""

from __future__ import annotations

from emeth_tui.model import BegunUpload, JobId
from emeth_tui.store.connection import Connection


class UploadTable:
    """Reads and writes uploads, one a job. Every write is durable when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, job_id: JobId) -> BegunUpload | None:
        """Return the upload of a job that was begun last and is not forgotten."""
        row = self._connection.execute("SELECT * FROM uploads WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        parts = self._connection.execute(
            "SELECT number, etag FROM upload_parts WHERE job_id = ?", (job_id,)
        ).fetchall()
        return BegunUpload(
            row["file"], bytes(row["sealed"]), {part["number"]: part["etag"] for part in parts}
        )

    def begin(self, job_id: JobId, begun: BegunUpload) -> None:
        """Record an upload in the place of the job's last one."""
        self.forget(job_id)
        self._connection.execute(
            "INSERT INTO uploads (job_id, file, sealed) VALUES (?, ?, ?)", (job_id, begun.file, begun.sealed)
        )

    def add_part(self, job_id: JobId, number: int, etag: str) -> None:
        """Record that a part has arrived."""
        self._connection.execute(
            "INSERT OR REPLACE INTO upload_parts (job_id, number, etag) VALUES (?, ?, ?)",
            (job_id, number, etag),
        )

    def forget(self, job_id: JobId) -> None:
        """Forget a job's upload, if there is one."""
        self._connection.execute("DELETE FROM uploads WHERE job_id = ?", (job_id,))
