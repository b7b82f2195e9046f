"""The node's SQLite file, opened, migrated and locked; the modules beside this one query its tables."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from emeth_tui import __version__
from emeth_tui.errors import DiskFull, EmethError
from emeth_tui.files import disk_full_translated, sync_directory
from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.store.connection import Connection, translated
from emeth_tui.store.events import EventTable
from emeth_tui.store.jobs import JobTable
from emeth_tui.store.journal import JournalTable
from emeth_tui.store.key_values import WRITTEN_BY, KeyValueTable
from emeth_tui.store.lock import take_lock
from emeth_tui.store.measurements import EnergyTable, MeasurementTable
from emeth_tui.store.movements import MovementTable
from emeth_tui.store.opening import connect, open_database, unusable
from emeth_tui.store.requests import RequestTable
from emeth_tui.store.safety.backups import (
    DATABASE_FILE,
    Copy,
    View,
    back_up,
    copies,
    create_private,
    newest,
    overwritten,
    read_only,
    set_aside,
)
from emeth_tui.store.safety.integrity import SQLITE_ERRORS, what_is_wrong
from emeth_tui.store.safety.place import Place
from emeth_tui.store.uploads import UploadTable

MOVED_AFTER_WRITES = 500  # some 1,000 pages, SQLite's own measure

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
    "CREATE TABLE instance (mark TEXT NOT NULL);",
    """
    CREATE TABLE device_use (
        slot INTEGER NOT NULL,
        device TEXT NOT NULL,
        job_id TEXT NOT NULL,
        work_ms INTEGER NOT NULL,
        energy_mj INTEGER,
        PRIMARY KEY (slot, device, job_id)
    );
    CREATE INDEX device_use_by_job ON device_use (job_id);
    """,
    "ALTER TABLE jobs ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;",
    """
    ALTER TABLE jobs ADD COLUMN averaging TEXT NOT NULL DEFAULT 'fp32';
    CREATE TABLE averages (
        job_id TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seconds REAL NOT NULL,
        bytes_up INTEGER NOT NULL,
        bytes_down INTEGER NOT NULL,
        PRIMARY KEY (job_id, epoch)
    );
    """,
)


class Store:
    """The node's memory across restarts. Every write is durable when its call returns.

    One process at a time: opening locks the state directory. Raise AlreadyRunning when another node holds
    the lock, StoreDamaged when what was here before is damaged or gone, StoreNewer when the file was written
    by a newer version, DiskFull, or StoreError where the disk fails or another program holds the file.
    """

    def __init__(self, state_dir: Path) -> None:
        with disk_full_translated(state_dir):
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
        self.energy = EnergyTable(self._connection)
        self.uploads = UploadTable(self._connection)
        self._on_rebuilt: list[Callable[[], None]] = []
        self._base: _Base | None = None
        self._place = Place(self.path)
        self._mark: str | None = None  # as the newest writes have it
        self._moved_at = 0  # the position of the first write that may stand in the log alone
        try:
            self._read_what_matters()
            self._settle_in()
        except BaseException:
            self.close()
            raise

    def back_up(self) -> Copy | None:
        """Keep a copy; None when nothing has changed since the last one.

        Raise StoreDamaged when what was copied is damaged or not ours, DiskFull, StoreError, or OSError.
        """
        with self.copying() as copy_now:
            return copy_now()

    @contextlib.contextmanager
    def copying(self) -> Iterator[Callable[[], Copy | None]]:
        """Make what `back_up` does callable in another thread, once, while this one goes on writing."""
        position, mark, known = self._connection.redo.position, self._mark, copies(self.path.parent)
        with contextlib.closing(View(self.path)) as view:
            yield lambda: back_up(view, mark)
        if self._place.is_overwritten:
            for copy in copies(self.path.parent):
                if copy not in known:
                    copy.path.unlink()
            raise overwritten(self.path)
        self._base = _Base(newest(self.path.parent).path, position)
        self._connection.redo.forget_before(position)

    def move_writes(self) -> None:
        """Move what stands in the log into the file, once that is much; nothing else ever writes there."""
        if self._connection.redo.position - self._moved_at >= MOVED_AFTER_WRITES:
            self._leave_mark()

    @property
    def is_in_place(self) -> bool:
        """Whether database and lock are still where other processes, and the next start, look for them.

        A file that was overwritten is not, even by another node's database or by an older one of this node.
        """
        return self._place.is_intact

    def rebuild(self) -> Path | None:
        """Write everything to a new file at the same place, and go on there, under a new lock.

        Where the open file has lost its content, it is made of the newest copy and of what was written since.
        What lies there now is set aside; return its path, if there was anything. Raise AlreadyRunning when
        another node holds the place, StoreDamaged when there is no copy of this run, DiskFull, StoreError, or
        OSError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._place.is_locked:
            lock = take_lock(self.path.parent)
            os.close(self._lock)
            self._lock = lock
            self._place.take_lock_file()
        unfinished = self.path.with_name(f".{self.path.name}.rebuilt")
        with disk_full_translated(self.path):
            problem = self._write_from_open_file(unfinished)
            if problem is not None:
                self._write_from_copy(unfinished, problem)
            aside = self._set_aside()
            unfinished.rename(self.path)
            sync_directory(self.path.parent)
        self._connection.move_to(connect(self.path))
        self._settle_in()
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

    def _settle_in(self) -> None:
        """Mark the file as this process's, and take it and those beside it for ours."""
        self._connection.place = None
        with contextlib.suppress(DiskFull):
            self.key_values.set(WRITTEN_BY, __version__)
        mark = self._leave_mark()
        self._place.take(mark)
        self._connection.place = self._place

    def _leave_mark(self) -> str | None:
        """Give the file a mark that no earlier copy of it has, and move what stands in the log there.

        Return the mark; None where not all could be moved, on a full disk or while somebody reads.
        """
        mark, whole = secrets.token_hex(8), False
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("DELETE FROM instance")
            self._connection.execute("INSERT INTO instance (mark) VALUES (?)", (mark,))
            self._connection.execute("COMMIT")
            self._mark = mark
            busy, written, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            whole = not busy and written == moved
        except DiskFull:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._place.note_moved(mark if whole else None)
        if whole:
            self._moved_at = self._connection.redo.position
        return mark if whole else None

    def _write_from_open_file(self, path: Path) -> ForeignText | Reason | None:
        """Write what the open file holds to another; return what is wrong with it, None when nothing is."""
        if self._place.is_overwritten:
            from emeth_tui.notices.reasons.store import Overwritten

            return Overwritten()
        path.unlink(missing_ok=True)
        create_private(path)
        with contextlib.closing(sqlite3.connect(path)) as target:
            self._connection.copy_to(target)
            return what_is_wrong(target)

    def _write_from_copy(self, path: Path, problem: ForeignText | Reason) -> None:
        """Write the newest copy to another file, and what was written since. Raise StoreDamaged."""
        base, redo = self._base, self._connection.redo
        if base is None or not redo.reaches_back_to(base.position):
            raise unusable(self.path, problem)
        path.unlink(missing_ok=True)
        create_private(path)
        with read_only(base.path) as copy, contextlib.closing(connect(path)) as target:
            try:
                copy.backup(target)
                redo.carry_out(target, base.position)
            except SQLITE_ERRORS as error:
                raise translated(error) from error
            if (still_wrong := what_is_wrong(target)) is not None:
                raise unusable(self.path, still_wrong)

    def _set_aside(self) -> Path | None:
        """Set aside what lies there, but not our last writes beside a file that is not ours."""
        if not self._place.holds_our_file:
            self._place.drop_log()
        return set_aside(self.path)

    def _read_what_matters(self) -> None:
        """Read what money hangs on. Raise StoreDamaged when a value makes no sense."""
        try:
            self.jobs.all()
            self.journal.unsettled()
        except EmethError as error:
            if isinstance(error, DiskFull):
                raise
            raise unusable(self.path, error.reason) from error
        except (ValueError, TypeError, LookupError) as error:
            from emeth_tui.notices.reasons.store import SenselessValue

            raise unusable(self.path, SenselessValue(one_line(error))) from error


@dataclass(frozen=True, slots=True)
class _Base:
    """A copy to make the database anew of, and the position of the first write that it may lack."""

    path: Path
    position: int
