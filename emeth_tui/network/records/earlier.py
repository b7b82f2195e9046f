"""What stood elsewhere before: in files of an earlier version, in the embedded database before PostgreSQL.

It is taken over at a start and then removed, or renamed. What the database knows already counts for more.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from emeth_tui.errors import ServiceError
from emeth_tui.files import sync_directory
from emeth_tui.foreign_text import one_line
from emeth_tui.network.files import read_json
from emeth_tui.network.records.database import Database, Transaction
from emeth_tui.network.records.sqlite import RECORDS_FILE, SqliteDatabase
from emeth_tui.network.records.uploads import Upload
from emeth_tui.notices.reasons.local.serving import RecordsFailed

TAKEN_OVER_FILE = "records.taken-over.db"
_INSERTS: Mapping[str, tuple[str, ...]] = {
    "datasets": ("name", "owner", "is_private", "object_key", "size_bytes"),
    "uploads": ("upload_id", "job_id", "address", "parts", "file_name", "handle", "completed_unix_ns"),
    "rejections": ("job_id", "entry"),
    "appeals": (
        *("job_id", "result", "entry", "until_unix_s"),
        *("asked_unix_s", "opinion", "decision", "outcome"),
    ),
}  # the columns of what neither the chain nor the objects show

_Values = Sequence[Mapping[str, object]]
_logger = logging.getLogger(__name__)


def take_over_files(state_dir: Path, database: Database) -> None:
    """Record what an earlier version kept in files of this directory. Raise ServiceError."""
    storage, lines = state_dir / "storage", state_dir / "rejections.jsonl"
    folders = [storage / name for name in ("owners", "private", "states")]
    uploads = sorted(storage.glob("uploads/*/upload.json"))
    if not lines.exists() and not uploads and not any(folder.is_dir() for folder in folders):
        return
    kept: dict[str, _Values] = {
        "datasets": list(_datasets(storage)),
        "uploads": [asdict(one) for one in map(_upload, uploads) if one is not None],
        "rejections": list(_rejections(lines)),
        "appeals": [],
    }
    try:
        _take(kept, database)
        _remove([*folders, lines], uploads, kept["uploads"])
    except OSError as error:
        raise ServiceError(RecordsFailed(str(state_dir), one_line(error))) from error


def take_over_embedded(state_dir: Path, database: Database) -> None:
    """Record what the embedded database of this directory holds, and rename its file. Raise ServiceError."""
    path = state_dir / RECORDS_FILE
    if not path.exists():
        return
    with closing(SqliteDatabase(path)) as embedded:
        kept = {table: _read(embedded, table, columns) for table, columns in _INSERTS.items()}
    _take(kept, database)
    path.replace(state_dir / TAKEN_OVER_FILE)
    sync_directory(state_dir)


def _take(kept: Mapping[str, _Values], database: Database) -> None:
    def work(transaction: Transaction) -> None:
        for table, columns in _INSERTS.items():
            values = ", ".join(f":{column}" for column in columns)
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
            transaction.change_each(sql, kept[table])

    database.run_now(work)
    counts = ", ".join(f"{len(kept[table])} {table}" for table in _INSERTS)
    _logger.info("records of before are taken over: %s", counts)


def _read(database: Database, table: str, columns: Sequence[str]) -> _Values:
    sql = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - both are ours
    rows = database.run_now(lambda transaction: transaction.rows(sql))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _datasets(storage: Path) -> Iterator[Mapping[str, object]]:
    """Read whose each dataset is. One without an owner gets no record, and counts as private then."""
    for path in storage.glob("owners/*"):
        is_private = int((storage / "private" / path.name).exists())
        owner = path.read_text("ascii", "replace").strip()
        yield {
            **{"name": path.name, "owner": owner, "is_private": is_private},
            **{"object_key": None, "size_bytes": None},
        }


def _upload(path: Path) -> Upload | None:
    handle, results = path.parent.name, path.parent.parent.parent / "objects" / "result"
    try:
        kept = read_json(path) or {}
        result = results / Path(kept["file_name"]).name
        completed_unix_ns = result.stat().st_mtime_ns if result.exists() else 0
        return Upload(**kept, handle=handle, completed_unix_ns=completed_unix_ns)
    except (ServiceError, KeyError, TypeError):
        _logger.warning("%s is damaged, and skipped", path)
        return None


def _rejections(path: Path) -> Iterator[Mapping[str, object]]:
    """Read the reasons, the newest of a job first."""
    for line in reversed(path.read_bytes().splitlines() if path.exists() else []):
        try:
            entry = json.loads(line)
            job_id, kept = str(entry["job"]), {"reason": dict(entry["reason"]), "text": str(entry["text"])}
        except (ValueError, KeyError, TypeError):
            _logger.warning("a line of %s is damaged, and skipped", path)
            continue
        yield {"job_id": job_id, "entry": json.dumps(kept)}


def _remove(what: Sequence[Path], uploads: Sequence[Path], kept: _Values) -> None:
    """Remove what was taken over; of an upload that is complete its parts, too."""
    complete = {one["handle"] for one in kept if one["completed_unix_ns"]}
    for path in uploads:
        if path.parent.name in complete:
            shutil.rmtree(path.parent)
        else:
            path.unlink()
    for path in what:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
