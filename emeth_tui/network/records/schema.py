"""The tables, and how a database of an earlier version gets them."""

from __future__ import annotations

from emeth_tui.errors import ServiceError
from emeth_tui.network.records.database import Transaction
from emeth_tui.notices.reasons.local.serving import RecordsNewer

# Each entry brings the schema one version further. One that was released is never changed again.
MIGRATIONS = (
    (
        """CREATE TABLE datasets (
            name TEXT PRIMARY KEY, owner TEXT NOT NULL, is_private INTEGER NOT NULL,
            object_key TEXT, size_bytes BIGINT
        )""",
        """CREATE TABLE uploads (
            upload_id TEXT PRIMARY KEY, job_id TEXT NOT NULL, address TEXT NOT NULL, parts INTEGER NOT NULL,
            file_name TEXT NOT NULL, handle TEXT NOT NULL, completed_unix_ns BIGINT NOT NULL
        )""",
        "CREATE INDEX uploads_by_job ON uploads (job_id)",
        "CREATE TABLE rejections (job_id TEXT PRIMARY KEY, entry TEXT NOT NULL)",
        """CREATE TABLE mirror (
            contract TEXT PRIMARY KEY, version BIGINT NOT NULL, whole_version BIGINT NOT NULL,
            block_number BIGINT NOT NULL, block_hash TEXT NOT NULL, block_unix_s BIGINT NOT NULL
        )""",
        """CREATE TABLE jobs (
            contract TEXT NOT NULL, job_id TEXT NOT NULL, place BIGINT NOT NULL, version BIGINT NOT NULL,
            record TEXT NOT NULL, PRIMARY KEY (contract, job_id)
        )""",
        "CREATE INDEX jobs_by_version ON jobs (contract, version)",
        """CREATE TABLE orphans (
            kind TEXT NOT NULL, name TEXT NOT NULL, since_unix_s BIGINT NOT NULL, PRIMARY KEY (kind, name)
        )""",
    ),
    ("ALTER TABLE orphans ADD COLUMN looks INTEGER NOT NULL DEFAULT 1",),
    (
        """CREATE TABLE appeals (
            job_id TEXT PRIMARY KEY, result TEXT NOT NULL, entry TEXT NOT NULL, until_unix_s BIGINT NOT NULL,
            asked_unix_s BIGINT, opinion TEXT, decision TEXT, outcome TEXT
        )""",
    ),
)


def migrate(transaction: Transaction, where: str) -> None:
    """Bring the schema to this version. Raise ServiceError when it is a newer program's."""
    transaction.change("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    found = transaction.row("SELECT version FROM schema_version")
    version = int(found[0]) if found else 0
    if version > len(MIGRATIONS):
        raise ServiceError(RecordsNewer(where, version, len(MIGRATIONS)))
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            transaction.change(statement)
    if version < len(MIGRATIONS):
        transaction.change("DELETE FROM schema_version")
        transaction.change("INSERT INTO schema_version VALUES (:version)", {"version": len(MIGRATIONS)})
