"""Reading a node's database beside the node, or without one: nothing is created, locked or changed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.store.backups import DATABASE_FILE
from emeth_tui.store.connection import Connection, translated
from emeth_tui.store.jobs import JobTable
from emeth_tui.store.journal import JournalTable
from emeth_tui.store.key_values import KeyValueTable


@dataclass(frozen=True, slots=True)
class StoreReader:
    """The tables that others than the node read."""

    jobs: JobTable
    journal: JournalTable
    key_values: KeyValueTable


@contextmanager
def read_store(state_dir: Path) -> Iterator[StoreReader | None]:
    """Open the database to read while the body runs; None where there is none yet. Raise StoreError."""
    path = state_dir / DATABASE_FILE
    if not path.exists():
        yield None
        return
    try:
        opened = sqlite3.connect(f"{path.absolute().as_uri()}?{_mode(path)}", uri=True)
    except sqlite3.Error as error:
        raise translated(error) from error
    with contextlib.closing(opened):
        opened.row_factory = sqlite3.Row
        connection = Connection(opened)
        yield StoreReader(JobTable(connection), JournalTable(connection), KeyValueTable(connection))


def _mode(path: Path) -> str:
    """Without a log beside it, a file is whole and unwritten: opened as such, it gets no companions."""
    return "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
