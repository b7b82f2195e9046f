"""Reading a node's database beside the node, or without one: nothing is created, locked or changed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import StoreError
from emeth_tui.files import is_there
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.files import Unreadable
from emeth_tui.store.connection import Connection, translated
from emeth_tui.store.database import MIGRATIONS
from emeth_tui.store.events import EventTable
from emeth_tui.store.jobs import JobTable
from emeth_tui.store.journal import JournalTable
from emeth_tui.store.key_values import KeyValueTable
from emeth_tui.store.measurements import EnergyTable
from emeth_tui.store.movements import MovementTable
from emeth_tui.store.opening import newer, not_opened, unusable
from emeth_tui.store.requests import RequestTable
from emeth_tui.store.safety.backups import DATABASE_FILE
from emeth_tui.store.safety.integrity import SQLITE_ERRORS, is_foreign


@dataclass(frozen=True, slots=True)
class StoreReader:
    """The tables that others than the node read."""

    jobs: JobTable
    journal: JournalTable
    events: EventTable
    movements: MovementTable
    key_values: KeyValueTable
    requests: RequestTable
    energy: EnergyTable


@contextmanager
def read_store(state_dir: Path) -> Iterator[StoreReader | None]:
    """Open the database to read while the body runs; None where there is none yet.

    Raise StoreError when its schema is another version's, or the disk or another program keeps it from being
    read; DiskFull, and StoreDamaged.
    """
    path = state_dir / DATABASE_FILE
    try:
        exists = is_there(path)
    except OSError as error:
        raise StoreError(Unreadable(path, system_text(error))) from error
    if not exists:
        yield None
        return
    try:
        opened = sqlite3.connect(f"{path.absolute().as_uri()}?{_mode(path)}", uri=True)
    except SQLITE_ERRORS as error:
        raise translated(error) from error
    with contextlib.closing(opened):
        _check(opened, path)
        opened.row_factory = sqlite3.Row
        connection = Connection(opened)
        yield StoreReader(
            JobTable(connection),
            JournalTable(connection),
            EventTable(connection),
            MovementTable(connection),
            KeyValueTable(connection),
            RequestTable(connection),
            EnergyTable(connection),
        )


def _mode(path: Path) -> str:
    """Without a log beside it, a file is whole and unwritten: opened as such, it gets no companions."""
    return "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"


def _check(opened: sqlite3.Connection, path: Path) -> None:
    from emeth_tui.notices.reasons.store import DatabaseOlder, NotANodes

    try:
        foreign = is_foreign(opened)
        version = int(opened.execute("PRAGMA user_version").fetchone()[0])
    except SQLITE_ERRORS as error:
        raise not_opened(path, error) from error
    if foreign or not version:
        raise unusable(path, NotANodes())
    if version > len(MIGRATIONS):
        raise newer(opened, path, version, len(MIGRATIONS))
    if version < len(MIGRATIONS):
        raise StoreError(DatabaseOlder(path, version))
