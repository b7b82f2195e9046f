"""An upgrade loses nothing: neither what stood in files, nor in the embedded database before PostgreSQL."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from emeth_tui.model import JobId
from emeth_tui.network.records.database import Database
from emeth_tui.network.records.datasets import Datasets
from emeth_tui.network.records.earlier import TAKEN_OVER_FILE, take_over_embedded, take_over_files
from emeth_tui.network.records.sqlite import RECORDS_FILE, SqliteDatabase
from emeth_tui.network.records.uploads import Upload, Uploads
from emeth_tui.network.verification.rejections import Rejections
from tests.devnet.records import JOB_ID
from tests.network.servers.parts import Parts

OWNER, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
DONE, UNDER_WAY = "a" * 32, "b" * 32


def write_earlier_files(state_dir: Path) -> None:
    """Write what the version before the database left behind."""
    storage = state_dir / "storage"
    for name in ("owners", "private", "states", "objects/result", f"uploads/{DONE}", f"uploads/{UNDER_WAY}"):
        (storage / name).mkdir(parents=True)
    for name in ("private.txt", "public.txt"):
        (storage / "owners" / name).write_text(OWNER)
    (storage / "private/private.txt").touch()
    for upload_id, extension in ((DONE, ".state-3"), (UNDER_WAY, ".pt")):
        upload = {"upload_id": upload_id, "job_id": JOB_ID, "address": OWNER, "parts": 2}
        text = json.dumps({**upload, "file_name": f"{JOB_ID}-{upload_id[:8]}{extension}"})
        (storage / "uploads" / upload_id / "upload.json").write_text(text)
    (storage / "uploads" / UNDER_WAY / "part-1").write_bytes(b"weights")
    (storage / "objects/result" / f"{JOB_ID}-{DONE[:8]}.state-3").write_bytes(b"state")
    lines = [json.dumps({"job": JOB_ID, "reason": {"n": n}, "text": f"reason {n}"}) for n in (1, 2)]
    (state_dir / "rejections.jsonl").write_text("\n".join([*lines, '{"torn']))


def files_below(state_dir: Path) -> set[str]:
    """Return all files but the database's."""
    found = (str(path.relative_to(state_dir)) for path in state_dir.rglob("*") if path.is_file())
    return {path for path in found if not path.startswith(RECORDS_FILE)}


async def check_records(database: Database) -> None:
    datasets, uploads = Datasets(database), Uploads(database)
    owned = [await datasets.find(name) for name in ("private.txt", "public.txt")]
    begun = await uploads.find(UNDER_WAY)
    assert [(one.owner, one.is_private) for one in owned if one] == [(OWNER, True), (OWNER, False)]
    assert not await datasets.claim("private.txt", OTHER, is_private=False)
    assert begun is not None
    assert (begun.is_complete, begun.handle, begun.parts) == (False, UNDER_WAY, 2)
    assert await uploads.newest(JOB_ID, OWNER, ".state-3") == f"{JOB_ID}-{DONE[:8]}.state-3"
    assert await Rejections(database).of(JOB_ID) == {"reason": {"n": 2}, "text": "reason 2"}


async def test_what_an_earlier_version_kept_in_files_is_taken_over_once(tmp_path: Path) -> None:
    write_earlier_files(tmp_path)
    with contextlib.closing(SqliteDatabase(tmp_path / RECORDS_FILE)) as database:
        for _ in range(2):
            take_over_files(tmp_path, database)

        await check_records(database)

    assert files_below(tmp_path) == {
        f"storage/objects/result/{JOB_ID}-{DONE[:8]}.state-3",
        f"storage/uploads/{UNDER_WAY}/part-1",
    }


async def test_what_the_database_knows_counts_for_more(tmp_path: Path) -> None:
    write_earlier_files(tmp_path)
    with contextlib.closing(SqliteDatabase(tmp_path / RECORDS_FILE)) as database:
        await Datasets(database).claim("public.txt", OTHER, is_private=True)
        take_over_files(tmp_path, database)

        found = await Datasets(database).find("public.txt")

    assert found is not None
    assert (found.owner, found.is_private) == (OTHER, True)


async def test_another_database_takes_over_what_the_embedded_one_holds(parts: Parts, tmp_path: Path) -> None:
    state_dir = tmp_path / "served"
    state_dir.mkdir()
    with contextlib.closing(SqliteDatabase(state_dir / RECORDS_FILE)) as embedded:
        await Datasets(embedded).claim("private.txt", OWNER, is_private=True)
        await Uploads(embedded).add(Upload(DONE, JobId(JOB_ID), OWNER, 1, "result.pt", DONE, 7))

    for _ in range(2):
        take_over_embedded(state_dir, parts.database)

    found, upload = (
        await Datasets(parts.database).find("private.txt"),
        await Uploads(parts.database).find(DONE),
    )
    assert found is not None
    assert (found.owner, found.is_private) == (OWNER, True)
    assert upload == Upload(DONE, JobId(JOB_ID), OWNER, 1, "result.pt", DONE, 7)
    assert files_below(state_dir) == {TAKEN_OVER_FILE}
