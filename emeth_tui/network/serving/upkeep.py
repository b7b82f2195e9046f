"""What a service does by itself as time passes: it sweeps, and keeps a copy of its database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from emeth_tui.clients.threads import run_to_end
from emeth_tui.model import JobId
from emeth_tui.network.records.database import Database
from emeth_tui.network.records.orphans import Orphans
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.storing import FindJob, Storing
from emeth_tui.network.services.sweeping import Sweeper
from emeth_tui.network.serving.application import STALE_AFTER_S
from emeth_tui.protocol.contracts import ChainJob

COPY_FILE = "records.copy.db"
COPY_EVERY_S = 3_600.0


def sweeper_of(
    storing: Storing, database: Database, mirror: JobMirror, find_job: FindJob, kept_h: int
) -> Sweeper:
    """Return what removes files of no job; it rests while the chain does not answer."""

    def jobs() -> Mapping[JobId, ChainJob] | None:
        return mirror.jobs if mirror.head is not None and mirror.age_s < STALE_AFTER_S else None

    return Sweeper(storing, Orphans(database), jobs, find_job, kept_s=kept_h * 3_600)


async def keep_copies(database: SqliteDatabase, state_dir: Path) -> None:
    """Write a copy of an embedded database every hour, until cancelled. Raise ServiceError."""
    while True:
        await run_to_end(database.copy_to, state_dir / COPY_FILE)
        await asyncio.sleep(COPY_EVERY_S)
