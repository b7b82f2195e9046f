"""The node's SQLite file, opened, migrated and locked; the modules beside this one query its tables."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from emeth_tui.errors import DiskFull, EmethError
from emeth_tui.files import disk_full_translated, sync_directory
from emeth_tui.store.backups import DATABASE_FILE, Copy, back_up, create_private, set_aside
from emeth_tui.store.connection import Connection
from emeth_tui.store.events import EventTable
from emeth_tui.store.integrity import what_is_wrong
from emeth_tui.store.jobs import JobTable
from emeth_tui.store.journal import JournalTable
from emeth_tui.store.key_values import KeyValueTable
from emeth_tui.store.lock import LOCK_FILE, take_lock
from emeth_tui.store.measurements import MeasurementTable
from emeth_tui.store.movements import MovementTable
from emeth_tui.store.opening import connect, open_database, unusable
from emeth_tui.store.requests import RequestTable
from emeth_tui.store.uploads import UploadTable

_HEADER = b"SQLite format 3\0"  # how every database begins

# Each entry takes the schema one version up; a released entry is never edited.
# Wei are TEXT: SQLite's integers only reach 2^63 - 1, which is 9.2 EMT.
MIGRATIONS = (
    """
    CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        language TEXT NOT NULL,
        epochs INTEGER NOT NULL,
        dataset TEXT NOT NULL,
        dataset_bytes INTEGER NOT NULL,
        fee_wei TEXT NOT NULL,
        deposit_wei TEXT NOT NULL,
        deadline_unix_s INTEGER NOT NULL,
        model TEXT NOT NULL,
        seed INTEGER NOT NULL,
        reserved_bytes INTEGER NOT NULL,
        created_at_unix_s REAL NOT NULL,
        paused INTEGER NOT NULL,
        error TEXT,
        dataset_digest TEXT NOT NULL,
        epochs_done INTEGER NOT NULL,
        valid_loss REAL,
        result_name TEXT NOT NULL,
        submitted_at_unix_s REAL,
        ended_at_unix_s REAL,
        gas INTEGER NOT NULL,
        earned_wei TEXT NOT NULL,
        lost_wei TEXT NOT NULL,
        by_hand INTEGER NOT NULL
    );
    CREATE TABLE job_states (
        job_id TEXT NOT NULL REFERENCES jobs (job_id),
        state TEXT NOT NULL,
        at_unix_s REAL NOT NULL
    );
    CREATE INDEX job_states_by_job ON job_states (job_id);
    CREATE TABLE epochs (
        job_id TEXT NOT NULL REFERENCES jobs (job_id),
        epoch INTEGER NOT NULL,
        train_loss REAL NOT NULL,
        valid_loss REAL NOT NULL,
        seconds REAL NOT NULL,
        link TEXT NOT NULL,
        PRIMARY KEY (job_id, epoch)
    );
    CREATE TABLE transactions (
        tx_hash TEXT PRIMARY KEY,
        nonce INTEGER NOT NULL,
        purpose TEXT NOT NULL,
        job_id TEXT,
        raw BLOB NOT NULL,
        state TEXT NOT NULL,
        created_at_unix_s REAL NOT NULL,
        gas_used INTEGER,
        fee_wei TEXT
    );
    CREATE INDEX transactions_by_state ON transactions (state, nonce);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at_unix_s REAL NOT NULL,
        severity TEXT NOT NULL,
        kind TEXT NOT NULL,
        job_id TEXT,
        fields TEXT NOT NULL
    );
    CREATE TABLE key_values (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE measurements (
        id INTEGER PRIMARY KEY,
        quantity TEXT NOT NULL,
        place TEXT NOT NULL,
        model TEXT NOT NULL,
        language TEXT NOT NULL,
        amount REAL NOT NULL,
        per REAL NOT NULL,
        at_unix_s REAL NOT NULL
    );
    CREATE INDEX measurements_by_gauge ON measurements (quantity, place, model, language, id);
    """,
    """
    ALTER TABLE jobs ADD COLUMN seen_end TEXT;
    CREATE TABLE movements (
        tx_hash TEXT NOT NULL,
        log_index INTEGER NOT NULL,
        block_number INTEGER NOT NULL,
        at_unix_s REAL NOT NULL,
        kind TEXT NOT NULL,
        job_id TEXT,
        amount_wei TEXT NOT NULL,
        PRIMARY KEY (tx_hash, log_index)
    );
    CREATE INDEX movements_by_job ON movements (job_id);
    CREATE INDEX movements_by_block ON movements (block_number);
    """,
    """
    CREATE INDEX events_by_job ON events (job_id);
    CREATE INDEX jobs_by_creation ON jobs (created_at_unix_s, job_id);
    """,
    """
    ALTER TABLE transactions ADD COLUMN block_number INTEGER;
    """,
    """
    ALTER TABLE jobs ADD COLUMN batch_size INTEGER NOT NULL DEFAULT 3;
    ALTER TABLE jobs ADD COLUMN start_loss REAL;
    ALTER TABLE jobs ADD COLUMN best_loss REAL;
    """,
    "ALTER TABLE jobs ADD COLUMN paused_until_unix_s REAL;",
    """
    ALTER TABLE measurements ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
    DROP INDEX measurements_by_gauge;
    CREATE INDEX measurements_by_gauge ON measurements (quantity, place, model, language, batch, id);
    """,
    """
    CREATE TABLE requests (
        job_id TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        path TEXT NOT NULL,
        content TEXT NOT NULL,
        dataset_bytes INTEGER NOT NULL,
        language TEXT NOT NULL,
        epochs INTEGER NOT NULL,
        fee_wei TEXT NOT NULL,
        deadline_unix_s INTEGER NOT NULL,
        model TEXT NOT NULL,
        private INTEGER NOT NULL,
        created_at_unix_s REAL NOT NULL,
        dataset TEXT NOT NULL,
        requested_at_unix_s REAL
    );
    """,
    """
    CREATE TABLE uploads (job_id TEXT PRIMARY KEY, file TEXT NOT NULL, sealed BLOB NOT NULL);
    CREATE TABLE upload_parts (
        job_id TEXT NOT NULL REFERENCES uploads (job_id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        etag TEXT NOT NULL,
        PRIMARY KEY (job_id, number)
    );
    """,
)


class Store:
    """The node's memory across restarts. Every write is durable when its call returns.

    One process at a time: opening locks the state directory. Raise AlreadyRunning when another node holds
    the lock, StoreDamaged when what was here before is damaged or gone, StoreError when the file was written
    by a newer version.
    """

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = take_lock(state_dir)
        self.path = state_dir / DATABASE_FILE
        try:
            self._connection = Connection(open_database(self.path, MIGRATIONS))
        except BaseException:
            os.close(self._lock)
            raise
        self.jobs = JobTable(self._connection)
        self.journal = JournalTable(self._connection)
        self.events = EventTable(self._connection)
        self.key_values = KeyValueTable(self._connection)
        self.measurements = MeasurementTable(self._connection)
        self.movements = MovementTable(self._connection)
        self.requests = RequestTable(self._connection)
        self.uploads = UploadTable(self._connection)
        self._files = self._files_now()
        self._on_rebuilt: list[Callable[[], None]] = []
        try:
            self._read_what_matters()
        except BaseException:
            self.close()
            raise

    def back_up(self) -> Copy | None:
        """Keep a copy; None when nothing has changed since the last one. May run in any thread.

        Raise StoreDamaged when what was copied is damaged, DiskFull, StoreError, or OSError.
        """
        return back_up(self.path)

    @property
    def is_in_place(self) -> bool:
        """Whether database and lock are still where other processes, and the next start, look for them."""
        return self._files_now() == self._files

    def rebuild(self) -> Path | None:
        """Write everything to a new file at the same place, and go on there, under a new lock.

        What lies there now is set aside; return its path, if there was anything. Raise AlreadyRunning when
        another node holds the place, StoreDamaged when the open file has lost its content, DiskFull,
        StoreError, or OSError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._files[LOCK_FILE] != _identity(self.path.parent / LOCK_FILE):
            lock = take_lock(self.path.parent)
            os.close(self._lock)
            self._lock = lock
            self._files[LOCK_FILE] = _identity(self.path.parent / LOCK_FILE)
        unfinished = self.path.with_name(f".{self.path.name}.rebuilt")
        with disk_full_translated(self.path):
            unfinished.unlink(missing_ok=True)
            create_private(unfinished)
            with contextlib.closing(sqlite3.connect(unfinished)) as target:
                self._connection.copy_to(target)
                if problem := what_is_wrong(target):
                    raise unusable(self.path, problem)
            aside = set_aside(self.path)
            unfinished.rename(self.path)
            sync_directory(self.path.parent)
        self._connection.move_to(connect(self.path))
        self._files = self._files_now()
        for act in self._on_rebuilt:
            act()
        return aside

    def when_rebuilt(self, act: Callable[[], None]) -> None:
        """Call `act` after each rebuilding: other files of the state directory are gone as well."""
        self._on_rebuilt.append(act)

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        os.close(self._lock)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _files_now(self) -> dict[str, tuple[int, int] | None]:
        """Return which files carry the names of ours. The open ones keep their numbers from being reused."""
        names = (DATABASE_FILE, f"{DATABASE_FILE}-wal", LOCK_FILE)
        files = {name: _identity(self.path.parent / name) for name in names}
        if files[DATABASE_FILE] and not _is_database(self.path):
            files[DATABASE_FILE] = None  # emptied or overwritten under its name
        return files

    def _read_what_matters(self) -> None:
        """Read what money hangs on. Raise StoreDamaged when a value makes no sense."""
        try:
            self.jobs.all()
            self.journal.unsettled()
        except EmethError as error:
            if isinstance(error, DiskFull):
                raise
            raise unusable(self.path, str(error)) from error
        except (ValueError, TypeError, LookupError) as error:
            raise unusable(self.path, f"a value in it makes no sense: {error}") from error


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
