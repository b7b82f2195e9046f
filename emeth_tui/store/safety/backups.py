"""Copies of the database, and the way back to one.

A copy is made before a migration, when a node has started, and every hour while it runs, unless nothing has
changed; the newest KEPT_COPIES stay, and the newest of an earlier schema: the way back from an upgrade. A
damaged copy never displaces a good one. The copies also say that a state was here: where the database is
missing or empty beside them, it was lost and is not new.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import StoreDamaged, StoreError
from emeth_tui.files import disk_full_translated, sync_directory
from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason
from emeth_tui.store.connection import translated
from emeth_tui.store.key_values import NONCE_SEEN, WRITTEN_BY
from emeth_tui.store.lock import take_lock
from emeth_tui.store.safety.integrity import (
    SQLITE_ERRORS,
    described,
    first_problem,
    is_foreign,
    mark_in,
    schema_of,
)

DATABASE_FILE = "node.sqlite3"
DIRECTORY = "backups"
KEPT_COPIES = 3
_COMPANIONS = ("-wal", "-shm")  # SQLite's names for the files beside a database
_UNFINISHED = "unfinished"
_NAME = re.compile(r"(?P<number>\d{4,})-\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the database. Its name begins with a number that rises: a clock may jump."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.name.partition("-")[0])


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds, and the version of emeth-tui that wrote it, "" where that is not known."""

    size_bytes: int
    version: str
    jobs: int
    transactions: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A copy that is the database again, and where the file is now that was there before, if any."""

    copy: Copy
    set_aside: Path | None


def copies(state_dir: Path) -> list[Copy]:
    """Return the copies of a state directory's database, newest first."""
    found = [Copy(path) for path in (state_dir / DIRECTORY).glob("*.sqlite3") if _NAME.fullmatch(path.stem)]
    return sorted(found, key=lambda copy: copy.number, reverse=True)


def contents(copy: Copy) -> Contents:
    """Read what a copy holds. Raise StoreDamaged when it is no good."""
    with read_only(copy.path) as connection:
        jobs = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        transactions = connection.execute("SELECT count(*) FROM transactions").fetchone()[0]
        named = connection.execute("SELECT value FROM key_values WHERE name = ?", (WRITTEN_BY,)).fetchone()
        version = str(named[0]) if named else ""
        return Contents(copy.path.stat().st_size, version, jobs, transactions)


def newest_before(state_dir: Path, schema: int) -> Copy | None:
    """Return the newest copy whose schema is an earlier one, None where there is none."""
    return next((copy for copy in copies(state_dir) if 0 < schema_of(copy.path) < schema), None)


def _reading(database: Path) -> sqlite3.Connection:
    """Open a database as it is now, whatever is written meanwhile. Raise SQLITE_ERRORS."""
    connection = sqlite3.connect(
        f"{database.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except SQLITE_ERRORS:
        connection.close()
        raise
    return connection


class View:
    """A database as it is at this moment, whatever is written to it from now on."""

    def __init__(self, database: Path) -> None:
        """Raise StoreError, or OSError when there is none."""
        self.database = database
        self.changed_ns = _changed_ns(database)  # first: what is written from here on is copied again
        try:
            self.connection = _reading(database)
        except sqlite3.OperationalError as error:
            raise translated(error) from error
        except SQLITE_ERRORS as error:
            raise not_copied(database, described(error)) from error

    def close(self) -> None:
        self.connection.close()


def back_up(view: View, mark: str | None = None) -> Copy | None:
    """Copy a database in use, beside the process that writes it; None when nothing has changed since.

    It takes as long as the disk does, and may run in any thread. A database with another `mark` is not ours.
    Raise StoreDamaged when what was copied is damaged or not ours, DiskFull, StoreError, or OSError.
    """
    database, known = view.database, copies(view.database.parent)
    if known and known[0].path.stat().st_mtime_ns == view.changed_ns:
        return None
    directory = database.parent / DIRECTORY
    unfinished = directory / _UNFINISHED
    with disk_full_translated(directory):
        directory.mkdir(mode=0o700, exist_ok=True)
        _copy(view.connection, database, unfinished)
        if mark is not None and mark_in(unfinished) != mark:
            unfinished.unlink()
            raise overwritten(database)
        os.utime(unfinished, ns=(view.changed_ns, view.changed_ns))  # equal: nothing has changed
        number = known[0].number + 1 if known else 1
        finished = directory / f"{number:04}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.sqlite3"
        unfinished.rename(finished)
        sync_directory(directory)
    before = newest_before(database.parent, schema_of(finished))
    for old in known[KEPT_COPIES - 1 :]:
        if old != before:
            old.path.unlink(missing_ok=True)
    return Copy(finished)


def restore(state_dir: Path, name: str | None = None) -> Restored:
    """Make a copy the database again, the newest without a name; what is there is set aside, not deleted.

    Raise AlreadyRunning while a node runs on it, StoreError when there is no such copy, StoreDamaged when the
    copy itself is damaged, DiskFull.
    """
    copy = _chosen(state_dir, name)
    lock = take_lock(state_dir)
    try:
        contents(copy)
        database = state_dir / DATABASE_FILE
        unfinished = state_dir / f".{DATABASE_FILE}.{_UNFINISHED}"
        with disk_full_translated(state_dir):
            with read_only(copy.path) as reading:
                _copy(reading, copy.path, unfinished)
            _forget_nonces(unfinished)
            aside = set_aside(database)
            unfinished.rename(database)
            sync_directory(state_dir)
    finally:
        os.close(lock)
    return Restored(copy, aside)


def _forget_nonces(database: Path) -> None:
    """Have a node take what its account has done since for its own: the copy does not know it."""
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("DELETE FROM key_values WHERE name = ?", (NONCE_SEEN,))
    except sqlite3.OperationalError as error:
        raise translated(error) from error


def set_aside(database: Path) -> Path | None:
    """Rename a database and the files beside it; return its new path, None when there was nothing."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = database.with_name(f"{database.name}.aside-{stamp}")
    for number in range(1, 1_000):
        if not aside.exists():
            break
        aside = database.with_name(f"{database.name}.aside-{stamp}-{number}")
    (database.parent / f"{database.name}-shm").unlink(missing_ok=True)  # SQLite makes it again
    for old, new in ((f"{database}-wal", f"{aside}-wal"), (str(database), str(aside))):
        with contextlib.suppress(FileNotFoundError):
            Path(old).rename(new)
    return aside if aside.exists() else None


def create_private(path: Path) -> None:
    """Create an empty file of mode 0600 where there is none: SQLite gives its companions the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _copy(reading: sqlite3.Connection, source: Path, target: Path) -> None:
    """Copy a database into a file of its own, whole and checked. Raise StoreDamaged, DiskFull, StoreError."""
    target.unlink(missing_ok=True)
    create_private(target)
    problem: ForeignText | Reason | None
    try:
        with contextlib.closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode = DELETE")  # one file, without companions
            problem = first_problem(writing)
    except sqlite3.OperationalError as error:
        target.unlink(missing_ok=True)
        raise translated(error) from error
    except SQLITE_ERRORS as error:  # what is read, not how
        problem = described(error)
    if problem is not None:
        target.unlink()
        raise not_copied(source, problem)


def not_copied(source: Path, problem: ForeignText | Reason) -> StoreDamaged:
    """Return the error for a database of which no copy is kept."""
    from emeth_tui.notices.reasons.store import NotCopied

    return StoreDamaged(NotCopied(source, problem))


def overwritten(source: Path) -> StoreDamaged:
    """Return the error for a database that others have written over, of which no copy is kept."""
    from emeth_tui.notices.reasons.store import Overwritten

    return not_copied(source, Overwritten())


def _changed_ns(database: Path) -> int:
    """Return when a database was last written to."""
    times = [database.stat().st_mtime_ns]
    with contextlib.suppress(FileNotFoundError):
        times.append(Path(f"{database}-wal").stat().st_mtime_ns)
    return max(times)


def newest(state_dir: Path) -> Copy:
    """Return the newest copy. Raise StoreError where there is none."""
    from emeth_tui.notices.reasons.store import NoCopies

    known = copies(state_dir)
    if not known:
        raise StoreError(NoCopies(state_dir / DIRECTORY))
    return known[0]


def _chosen(state_dir: Path, name: str | None) -> Copy:
    from emeth_tui.notices.reasons.store import NoSuchCopy

    newest_copy = newest(state_dir)
    if name is None:
        return newest_copy
    known = copies(state_dir)
    for copy in known:
        if name in {copy.name, str(copy.number), copy.path.name}:
            return copy
    raise StoreError(NoSuchCopy(name, ", ".join(copy.name for copy in known)))


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy to read. Raise StoreDamaged when it is no good."""
    from emeth_tui.notices.reasons.store import CopyDamaged, NotANodes

    try:
        address = f"{path.absolute().as_uri()}?immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            problem = NotANodes() if is_foreign(connection) else first_problem(connection)
            if problem is not None:
                raise StoreDamaged(CopyDamaged(path, problem))
            yield connection
    except SQLITE_ERRORS as error:
        raise StoreDamaged(CopyDamaged(path, described(error))) from error
